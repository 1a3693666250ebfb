"""The fence ```stepdiff in a chapter: what a step changes in a file, made when the site is built.

```stepdiff
02_httpresponse 03_streaming library/views.py
```
"""

import difflib
import re

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers.diff import DiffLexer
from pymdownx.superfences import SuperFencesException

from tutorial import ROOT

MARKER = re.compile(r"^[ \t]*(#|<!--|\{#) --8<-- .*\n", re.MULTILINE)


def fence(source, language, css_class, options, md, **kwargs):
    """Format the fence: a coloured diff of one file between two steps."""
    try:
        before, after, name = source.split()
        text = difference(before, after, name)
    except (OSError, ValueError) as error:
        # Any other exception would be swallowed, and the page would show the fence's own text.
        raise SuperFencesException(f"stepdiff {source!r}: {error}") from error
    return highlight(text, DiffLexer(), HtmlFormatter(wrapcode=True))


def difference(before, after, name, root=ROOT):
    """The diff, without the markers of sections and with a few lines around each change."""
    old, new = (read(root / "steps" / step / name) for step in (before, after))
    if old == new:
        raise ValueError(f"{name} is the same in {before} and {after}")
    lines = difflib.unified_diff(old, new, f"{before}/{name}", f"{after}/{name}", n=3, lineterm="")
    return "\n".join(lines)


def read(path):
    return MARKER.sub("", path.read_text("utf-8")).splitlines()
