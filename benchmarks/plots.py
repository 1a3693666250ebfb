"""Draw the plots of the site from benchmarks/results, each for a light page and for a dark one.

    python benchmarks/plots.py [FOLDER]

The same results give the same bytes.
"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "books", "svg.fonttype": "none", "font.size": 11})

from matplotlib import pyplot  # noqa: E402

BENCHMARKS = Path(__file__).resolve().parent
ASSETS = BENCHMARKS.parent / "docs" / "assets"
THEMES = {
    "light": {"ink": "#333333", "bars": ["#00796b", "#7e57c2"]},
    "dark": {"ink": "#dddddd", "bars": ["#4db6ac", "#b39ddb"]},
}
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
RUNGS = {
    "howto": "1 Django's how-to",
    "columns": "2 columns, no objects",
    "batches": "3 in batches",
    "formatted": "4 formatted by the database",
    "lines": "5 lines by the database",
    "native": "6 the native engine",
}

NEEDED = [f"{rung}, file, {database}" for rung in RUNGS for database in NAMES]
NEEDED += [f"shell, shell, {database}" for database in NAMES]


def main(folder=ASSETS):
    results = json.loads((BENCHMARKS / "results" / "speed.json").read_text("utf-8"))
    missing = [way for way in NEEDED if way not in results["sizes"].get("1000000", {})]
    if missing:
        sys.exit(f"Nothing was drawn. The results have no {', '.join(missing)} of a million books.")
    for theme, colours in THEMES.items():
        save(ladder(results, colours), folder / f"ladder-{theme}.svg")
        save(sizes(results, colours), folder / f"sizes-{theme}.svg")


def ladder(results, colours):
    """Books per second into a file: a group of bars a rung, and lines for the databases' own shells."""
    measured = results["sizes"]["1000000"]
    figure, axes = pyplot.subplots(figsize=(8, 4.2))
    for place, (database, colour) in enumerate(zip(NAMES, colours["bars"], strict=True)):
        speeds = [1_000 / measured[f"{rung}, file, {database}"]["seconds"] for rung in RUNGS]
        rows = [row + 0.38 * place for row in range(len(RUNGS))]
        bars = axes.barh(rows, speeds, height=0.36, color=colour, label=NAMES[database])
        axes.bar_label(bars, fmt="%.0f", padding=4, color=colours["ink"], fontsize=9)
        shell = 1_000 / measured[f"shell, shell, {database}"]["seconds"]
        name = {"sqlite": "sqlite3 -csv", "postgresql": "psql \\copy"}[database]
        axes.axvline(shell, color=colour, linestyle="--", linewidth=1, label=name)
    axes.set_yticks([row + 0.19 for row in range(len(RUNGS))], RUNGS.values())
    axes.invert_yaxis()
    axes.set_xlabel("thousand books per second, one million books")
    finish(axes, colours)
    return figure


def sizes(results, colours):
    """Peak memory, and time for a book in the quickest run, from ten thousand books to ten million."""
    counts = sorted(map(int, results["sizes"]))
    figure, (memory, cost) = pyplot.subplots(1, 2, figsize=(8, 3.2))
    for way, mark, colour in (
        ("lines, file, sqlite", "o", colours["bars"][0]),
        ("native, file, sqlite", "s", colours["bars"][0]),
        ("lines, file, postgresql", "o", colours["bars"][1]),
        ("native, file, postgresql", "s", colours["bars"][1]),
    ):
        runs = [results["sizes"][str(count)][way] for count in counts]
        engine, _, database = way.split(", ")
        style = {
            "color": colour,
            "marker": mark,
            "label": f"{'ORM' if engine == 'lines' else engine}, {NAMES[database]}",
        }
        memory.plot(counts, [run["peak_bytes"] / 1e6 for run in runs], **style)
        cost.plot(counts, [run["least"] / count * 1e6 for count, run in zip(counts, runs, strict=True)], **style)
    for axes, title in ((memory, "peak memory, MB"), (cost, "microseconds a book")):
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_title(title, fontsize=11, color=colours["ink"])
        axes.set_xlabel("books")
        finish(axes, colours, legend=axes is memory)
    figure.tight_layout()
    return figure


def finish(axes, colours, legend=True):
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(colours["ink"])
    axes.tick_params(colors=colours["ink"])
    axes.xaxis.label.set_color(colours["ink"])
    if legend:
        axes.legend(frameon=False, labelcolor=colours["ink"], fontsize=9)


def save(figure, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
