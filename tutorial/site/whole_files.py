"""What a chapter of the site shows, and the pages that have the same files whole."""

import re

from tutorial import ROOT, all_steps

LISTING = re.compile(r"^ *```listing\n *(\S+)", re.MULTILINE)
DIFF = re.compile(r"^ *```stepdiff\n *\S+ (\S+) (\S+)", re.MULTILINE)
HEAD = """---
description: Each file that chapter {number} shows a part of, whole.
search:
  exclude: true
---

# The {kind} of step {number}, whole

The files that [the chapter](../{step}.md) shows parts of, each to be copied with the button at its right.
"""


def files_shown(page, step):
    """The files of the step in a chapter's text, by their names in the step, sorted."""
    shown = LISTING.findall(page) + ["/".join(places) for places in DIFF.findall(page)]
    return sorted({name.removeprefix(f"{step}/") for name in shown if name.startswith(f"{step}/")})


def whole_files(root=ROOT):
    """The pages with whole files: their names below docs/, and their texts. The tests are on a page of their own."""
    pages = {}
    for step in (path.name for path in all_steps()):
        shown = files_shown((root / "docs" / f"{step}.md").read_text("utf-8"), step)
        tests = [name for name in shown if name.startswith("tests/")]
        code = [name for name in shown if name not in tests]
        for kind, suffix, names in (("code", "", code), ("tests", "-tests", tests)):
            if names:
                head = HEAD.format(kind=kind, number=step[:2], step=step)
                pages[f"files/{step}{suffix}.md"] = head + "".join(listing(step, name) for name in names)
    return pages


def listing(step, name):
    return f"\n## `{name}`\n\n```listing\n{step}/{name}\n```\n"
