"""The fence ```stepdiff: what a step changes in a file, made when the site is built.

```stepdiff
02_httpresponse 03_streaming library/views.py book_download
```

Names and quoted texts choose a part of the file, as in a listing. A function that the earlier step doesn't have is all
new. Two files of the repository can be compared too:

```stepdiff
benchmarks/ladder/howto.py benchmarks/ladder/columns.py
```

The copy button of a part copies its new code, without the removed lines and without the signs. A whole file has no
button.
"""

import re
from difflib import SequenceMatcher
from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, find_lexer_class_for_filename
from pymdownx.superfences import SuperFencesException

from tutorial import ROOT
from tutorial.site.listings import WORD, excerpt

LINES_AROUND = 3


def fence(source, language, css_class, options, md, **kwargs):
    """Format the fence: a diff in the colours of its language."""
    words = [match[0] for match in WORD.finditer(source)]
    try:
        old, new, name = sides(*words)
    except (OSError, SyntaxError, TypeError, ValueError) as error:
        raise SuperFencesException(f"stepdiff {source!r}: {error}") from error
    lines = "".join(difference(old, new, find_lexer_class_for_filename(name) or TextLexer))
    button = f'" data-copy="{escape(new)}"' if words[3:] else ' no-copy"'
    title = f'<span class="filename">{name}</span>'
    return f'<div class="highlight stepdiff{button} data-search-exclude>{title}<pre><code>{lines}</code></pre></div>'


def sides(before, after, name="", *parts, root=ROOT):
    """The text before and after, and the file's name."""
    paths = [root / "steps" / step / name for step in (before, after)] if name else [root / before, root / after]
    old, new = (path.read_text("utf-8") for path in paths)
    kept = [part for part in parts if is_in(old, part)]
    old, new = excerpt(old, kept) if kept or not parts else "", excerpt(new, parts)
    if old == new:
        raise ValueError("the two are the same")
    return old, new, name or after.rpartition("/")[2]


def is_in(text, part):
    """Whether the text has the part. Quoted texts come in pairs and must be there."""
    try:
        return part[0] in "\"'" or bool(excerpt(text, [part]))
    except ValueError:
        return False


def difference(old, new, lexer):
    """The lines of a diff as HTML: removed, added, and a few around each change."""
    html = (highlight(text, lexer(stripnl=False), HtmlFormatter(nowrap=True)) for text in (old, new))
    # Names and spaces have no colour, so they need no span.
    before, after = (re.sub('<span class="[nw]">(.*?)</span>', r"\1", text).split("\n") for text in html)
    groups = SequenceMatcher(None, old.split("\n"), new.split("\n"), autojunk=False).get_grouped_opcodes(LINES_AROUND)
    for number, group in enumerate(groups):
        if number or group[0][1]:
            yield '<span class="gu">…</span>\n'
        for kind, start, end, new_start, new_end in group:
            if kind == "equal":
                yield from (f"  {line}\n" for line in before[start:end])
                continue
            yield from (f'<span class="gd">- {line}</span>\n' for line in before[start:end])
            yield from (f'<span class="gi">+ {line}</span>\n' for line in after[new_start:new_end])
