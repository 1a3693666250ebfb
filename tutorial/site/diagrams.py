"""`tutorial diagrams`: the diagrams of the site, drawn once by mermaid, for light pages and for dark ones."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from tutorial import ROOT
from tutorial.learn.doctor import require
from tutorial.options import console
from tutorial.site.browser import chromium

DIAGRAMS = ROOT / "docs" / "assets" / "diagrams"
INK = {
    "light": {"line": "#37474f", "box": "#e0f2f1", "edge": "#00796b", "note": "#fff8e1", "text": "#263238"},
    "dark": {"line": "#b0bec5", "box": "#1f3a38", "edge": "#4db6ac", "note": "#3b3524", "text": "#eceff1"},
}
# deterministicIds: the same source gives the same file.
DRAW = """async ([source, ink]) => {
    mermaid.initialize({
        theme: 'base', startOnLoad: false, deterministicIds: true, fontFamily: 'sans-serif',
        themeVariables: {
            primaryColor: ink.box, primaryBorderColor: ink.edge, primaryTextColor: ink.text, lineColor: ink.line,
            actorLineColor: ink.line, signalColor: ink.line, activationBkgColor: ink.edge,
            activationBorderColor: ink.edge, noteBkgColor: ink.note, noteBorderColor: ink.edge,
            noteTextColor: ink.text, stateLabelColor: ink.text, edgeLabelBackground: ink.note,
        },
        sequence: { useMaxWidth: false, mirrorActors: false, width: 130, height: 44, actorMargin: 30 },
    });
    return (await mermaid.render('diagram', source)).svg;
}"""


def diagrams(
    mermaid: Annotated[
        Path, typer.Argument(help="The file mermaid.min.js, which you get with npm install mermaid.")
    ] = Path("node_modules/mermaid/dist/mermaid.min.js"),
):
    """Draw the site's sequence diagrams again, from docs/assets/diagrams/*.mmd. This needs Chromium."""
    require("playwright")
    script = mermaid.read_text("utf-8")
    with chromium() as browser:
        page = browser.new_page()
        page.add_script_tag(content=script)
        for source in sorted(DIAGRAMS.glob("*.mmd")):
            text = source.read_text("utf-8")
            for name, ink in INK.items():
                drawn = page.evaluate(DRAW, [text, ink])
                (DIAGRAMS / f"{source.stem}-{name}.svg").write_text(f"{drawn}\n{mark(text)}\n", "utf-8")
            console.print(f"{source.stem}: drawn")


def mark(source):
    """What a drawing ends with: which source it was drawn from."""
    return f"<!-- drawn from {hashlib.sha256(source.encode()).hexdigest()} -->"
