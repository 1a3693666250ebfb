"""Measured figures in the text of a page: `{{ stream.howto.seconds | s }}` becomes 70.5 s.

A name is a key of tutorial/site/measured.py, which computes all figures from benchmarks/results, or of from_steps.py,
which has texts made of the steps. A number needs a unit, which says how it is rounded; `s.2` asks for two decimals.
Text needs none. Code is left alone. An unknown name or unit fails the build.
"""

import re
from difflib import get_close_matches
from functools import cache

from markdown import Extension
from markdown.preprocessors import Preprocessor

from tutorial.site import from_steps, measured

FIGURE = re.compile(r"(`+).+?\1|\{\{ *([\w.]+) *(?:\| *([a-zA-Z%]+)(?:\.(\d))? *)?\}\}", re.DOTALL)
# What a number is multiplied by, its decimals, and what follows it. Numbers are in seconds, bytes and shares of one.
UNITS = {
    "s": (1, 1, "\N{NO-BREAK SPACE}s"),
    "ms": (1e3, 0, "\N{NO-BREAK SPACE}ms"),
    "MB": (1e-6, 0, "\N{NO-BREAK SPACE}MB"),
    "percent": (100, 0, "\N{NO-BREAK SPACE}%"),
    "times": (1, 1, " times"),
    "number": (1, 0, ""),
}


class FiguresExtension(Extension):
    def extendMarkdown(self, md):
        md.preprocessors.register(Figures(md), "figures", 26)  # before the fences, 25, which a text may have


class Figures(Preprocessor):
    def run(self, lines):
        return FIGURE.sub(replace, "\n".join(lines)).split("\n")


@cache
def known():
    """Return all figures and texts by their dotted names."""
    return measured.figures() | from_steps.texts()


def replace(match):
    """The text for one figure, or the code as it is."""
    code, name, unit, decimals = match.groups()
    if code:
        return match[0]
    if name not in known():
        raise ValueError(f"no figure is named {name}. Similar: {', '.join(get_close_matches(name, known())) or 'none'}")
    value = known()[name]
    if isinstance(value, str):
        return value
    if (unit or "number") not in UNITS:
        raise ValueError(f"no unit is named {unit}. There are: {', '.join(UNITS)}")
    factor, places, suffix = UNITS[unit or "number"]
    return f"{value * factor:,.{decimals or places}f}{suffix}"


def makeExtension(**options):
    return FiguresExtension(**options)
