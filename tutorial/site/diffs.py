"""The fence ```stepdiff in a chapter: what a step changes in a file, made when the site is built.

```stepdiff
02_httpresponse 03_streaming library/views.py
```

Of a named section of it only:

```stepdiff
02_httpresponse 03_streaming library/views.py:download
```

Or what one file of the repository has that another has not:

```stepdiff
benchmarks/ladder/howto.py benchmarks/ladder/columns.py
```
"""

import difflib
import re
from textwrap import dedent

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers.diff import DiffLexer
from pymdownx.superfences import SuperFencesException

from tutorial import ROOT

MARKER = re.compile(r"^[ \t]*(#|<!--|\{#) --8<-- .*\n", re.MULTILINE)


def fence(source, language, css_class, options, md, **kwargs):
    """Format the fence: a coloured diff of one file between two steps."""
    try:
        text = difference(*source.split())
    except (OSError, TypeError, ValueError) as error:
        # Any other exception would be swallowed, and the page would show the fence's own text.
        raise SuperFencesException(f"stepdiff {source!r}: {error}") from error
    coloured = highlight(text, DiffLexer(), HtmlFormatter(wrapcode=True))
    name = source.split()[2].partition(":")[0] if len(source.split()) == 3 else ""
    title = f'<span class="filename">{name}</span>' if name else ""
    return coloured.replace("<pre>", f"{title}<pre>", 1)


def difference(before, after, name="", root=ROOT):
    """The diff, without the markers of sections and with a few lines around each change."""
    name, _, section = name.partition(":")
    if name:
        before, after = f"steps/{before}/{name}", f"steps/{after}/{name}"
    old, new = read(root / before, section), read(root / after, section)
    if old == new:
        raise ValueError(f"{before} and {after} are the same")
    lines = difflib.unified_diff(old, new, before.removeprefix("steps/"), after.removeprefix("steps/"), lineterm="")
    return "\n".join(lines)


def read(path, section=""):
    """The lines of a file, or of its named section."""
    text = path.read_text("utf-8")
    if section:
        start, end = (f"--8<-- [{mark}:{section}]" for mark in ("start", "end"))
        if not (start in text and end in text):
            raise ValueError(f"{path.name} has no section {section}")
        text = dedent(text.partition(f"{start}\n")[2].partition(end)[0].rpartition("\n")[0])
    return MARKER.sub("", text).splitlines()
