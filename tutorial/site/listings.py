"""The fence ```listing: code of a step on a page, found by its name when the site is built.

```listing
07_export_record/exports/models.py Export.claim
highlight: .update(
```

The first line is a file below steps/, benchmarks/ or exercises/, and what to show of it:

- nothing: the whole file;
- names of functions, classes, methods (`Export.claim`) or assignments (`EXPORT_LEASE`), each with its decorators and
  the comment above it;
- where there is no name, one or two texts in quotes: from the only line with the first to the next one with the
  second.

Each further line is `highlight: TEXT`, which marks every line that contains the text.
A file, a name or a text that is not there fails the strict build. Tests and whole files are not searched.
"""

import ast
import re
from html import escape
from textwrap import dedent

from pygments.lexers import find_lexer_class_for_filename
from pymdownx.highlight import Highlight
from pymdownx.superfences import SuperFencesException

from tutorial import ROOT

FOLDERS = ("steps", "benchmarks", "exercises")
WORD = re.compile(r"""(["'])(.+?)\1(?=\s|$)|(\S+)""")


def fence(source, language, css_class, options, md, **kwargs):
    """Format the fence: a highlighted listing with the name of its file above it."""
    try:
        what, *marks = source.strip().splitlines()
        name, *parts = (match[0] for match in WORD.finditer(what))
        code = excerpt(find(name).read_text("utf-8"), parts)
        marked = highlighted(code, marks)
    except (OSError, SyntaxError, ValueError) as error:
        # SuperFences swallows any other exception and shows the source of the fence.
        raise SuperFencesException(f"listing {source!r}: {error}") from error
    lexer = find_lexer_class_for_filename(name)
    title = name.partition("/")[2]
    listing = Highlight(md).highlight(code, lexer.aliases[0] if lexer else "text", hl_lines=marked, title=title)
    is_searched = parts and not title.startswith("tests/")
    return listing if is_searched else listing.replace("<div ", "<div data-search-exclude ", 1)


def output(source, language, css_class, options, md, **kwargs):
    """Format the fence ```text, what a terminal shows: without a copy button, and not to be searched."""
    return f'<div class="highlight no-copy" data-search-exclude><pre><code>{escape(source)}</code></pre></div>'


def find(name):
    """The file of that name below steps/, benchmarks/ or exercises/."""
    for path in (ROOT / folder / name for folder in FOLDERS):
        if path.is_file():
            return path
    raise ValueError(f"there is no file {name}")


def excerpt(text, parts):
    """The parts of a file's text: all of it, what is named, or what is between two quoted texts."""
    if not parts:
        return text.rstrip("\n")
    if parts[0][0] in "\"'":
        return between(text, *(part[1:-1] for part in parts))
    lines, found, end = text.splitlines(), [], None
    for part in parts:
        first, last = named(text, part)
        found += [""] if end not in (None, first) else []  # lines that follow each other stay together
        found += dedent("\n".join(lines[first:last])).splitlines()
        end = last
    return "\n".join(found)


def named(text, name):
    """Where a definition or an assignment begins and ends, with its decorators and the comment above it."""
    lines, body = text.splitlines(), ast.parse(text).body
    for part in name.split("."):
        found = [node for node in body if part in names(node)]
        if len(found) != 1:
            raise ValueError(f"{len(found)} definitions are named {name}")
        body = getattr(found[0], "body", [])
    first = min(node.lineno for node in [found[0], *getattr(found[0], "decorator_list", [])]) - 1
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return first, found[0].end_lineno


def names(node):
    """What a statement defines."""
    targets = getattr(node, "targets", [node.target] if isinstance(node, ast.AnnAssign) else [])
    return {getattr(node, "name", None), *map(ast.unparse, targets)}


def between(text, start, end=None):
    """The lines from the only one with the text `start` to the next one with the text `end`."""
    lines = text.splitlines()
    found = [number for number, line in enumerate(lines) if start in line]
    if len(found) != 1:
        raise ValueError(f"{len(found)} lines contain {start!r}")
    last = next((number for number in range(*found, len(lines)) if (end or start) in lines[number]), None)
    if last is None:
        raise ValueError(f"no line below contains {end!r}")
    return dedent("\n".join(lines[found[0] : last + 1]))


def highlighted(code, marks):
    """The numbers of the lines to mark."""
    numbers = set()
    for mark in marks:
        key, _, text = mark.partition(": ")
        if key != "highlight":
            raise ValueError(f"what is {mark!r}?")
        found = {number for number, line in enumerate(code.splitlines(), 1) if text.strip() in line}
        if not found:
            raise ValueError(f"no line contains {text!r}")
        numbers |= found
    return sorted(numbers)
