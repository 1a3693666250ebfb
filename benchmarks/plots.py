"""Draw the plots of the site from benchmarks/results, for light and for dark pages.

    python benchmarks/plots.py [FOLDER]

The same results give the same bytes.
"""

import sys
from pathlib import Path
from statistics import median

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "books", "svg.fonttype": "none", "font.size": 11})

from matplotlib import pyplot  # noqa: E402
from matplotlib.patches import Patch  # noqa: E402

from runners.tables import clicks, of  # noqa: E402
from tutorial.site.measured import RUNGS, four_ways, results  # noqa: E402

BENCHMARKS = Path(__file__).resolve().parent
ASSETS = BENCHMARKS.parent / "docs" / "assets"
THEMES = {
    "light": {
        "ink": "#333333",
        "bars": ["#00796b", "#7e57c2"],
        "waits": "#f9a825",
        "free": "#b2dfdb",
        "error": "#c62828",
    },
    "dark": {
        "ink": "#dddddd",
        "bars": ["#4db6ac", "#b39ddb"],
        "waits": "#fbc02d",
        "free": "#2f5450",
        "error": "#ef5350",
    },
}
WIDTH = 4.4  # inches, without the names on the left. A phone shows this width at three quarters.
NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
NEEDED = [f"{rung}, {database}" for rung in RUNGS if rung.endswith("file") for database in NAMES]
NEEDED += [f"shell, shell, {database}" for database in NAMES]


def main(folder=ASSETS):
    measured = results("speed")["sizes"]
    missing = [way for way in NEEDED if way not in measured.get("1000000", {})]
    if missing:
        sys.exit(f"Nothing was drawn. The results have no {', '.join(missing)} of a million books.")
    for theme, colours in THEMES.items():
        save(ladder(measured["1000000"], colours), folder / f"ladder-{theme}.svg")
        save(sizes(measured, colours), folder / f"sizes-{theme}.svg")
        save(ways(four_ways(), colours), folder / f"ways-{theme}.svg")
        save(runners(results("background"), colours), folder / f"runners-{theme}.svg")


def runners(measured, colours):
    """Draw for each runner the time of one export, the time of many exports, and the peak memory, as medians."""
    fast = [run for run in measured["runners"].values() if run.get("latency") and run.get("burst")]
    names = [run["title"].removeprefix("Django Tasks, ") for run in fast]
    figure, panels = pyplot.subplots(1, 3, figsize=(1.7 * WIDTH, 0.8 + 0.28 * len(fast)), sharey=True)
    for axes, title, text, rounds in (
        (panels[0], "one export, ms", "%.0f", [clicks(run, "done") for run in fast]),
        (panels[1], "burst, seconds", "%.1f", [of(run, "burst", "seconds") for run in fast]),
        (panels[2], "peak memory, MB", "%.0f", [of(run, "burst", "peak_bytes", "all", scale=1e-6) for run in fast]),
    ):
        right = max(map(max, rounds))
        for name, values in zip(names, rounds, strict=True):
            axes.barh(name, median(values), height=0.6, color=colours["bars"][0])
            axes.hlines(name, min(values), max(values), color=colours["ink"], linewidth=1)
            style = {"va": "center", "color": colours["ink"], "fontsize": 10}
            axes.text(max(values) + right / 40, name, text % median(values), **style)
        axes.set_xlim(0, right * 1.4)
        axes.set_xticks([])
        axes.set_title(title, fontsize=11, color=colours["ink"], loc="left")
        finish(axes, colours, legend=False)
    panels[0].invert_yaxis()
    figure.tight_layout()
    return figure


def ways(sizes, colours):
    """Draw for each number of books a timeline for each approach.

    The user waits for the response, waits for the download, is free, or gets an error.
    """
    figure, panels = pyplot.subplots(len(sizes), 1, figsize=(WIDTH, 2.3 * len(sizes)), sharex=True, squeeze=False)
    ends = [row.get("error") or row["file"] for rows in sizes.values() for row in rows.values()]
    for axes, (books, rows) in zip(panels.flat, sizes.items(), strict=True):
        for place, row in enumerate(rows.values()):
            timeline(axes, place, row, max(ends) / 50, colours)
        axes.set_yticks(range(len(rows)), rows)
        axes.invert_yaxis()
        axes.set_xlim(0, max(ends) * 1.6)
        axes.set_title(f"{books:,} books", fontsize=11, color=colours["ink"], loc="left")
        finish(axes, colours, legend=False)
    axes.set_xlabel("seconds")
    figure.subplots_adjust(hspace=0.25)
    legend = {
        "the user waits for the response": colours["waits"],
        "the user waits for the download": colours["bars"][1],
        "the user is free while the job runs": colours["free"],
        "the user gets an error": colours["error"],
    }
    patches = [Patch(color=colour, label=name) for name, colour in legend.items()]
    figure.legend(
        handles=patches,
        frameon=False,
        labelcolor=colours["ink"],
        fontsize=10,
        loc="lower center",
        bbox_to_anchor=(0.4, 0.92),
    )
    return figure


def timeline(axes, place, row, margin, colours):
    style = {"va": "center", "fontsize": 10}
    if error := row.get("error"):
        axes.barh(place, error, height=0.55, color=colours["error"])
        axes.text(error + margin, place, f"error after {error:.1f} s", color=colours["error"], weight="bold", **style)
        return
    answer, held, file = row["answer"], row["held"], row["file"]
    for left, right, colour in (
        (0, answer, colours["waits"]),
        (answer, held, colours["bars"][1]),
        (held, file, colours["free"]),
    ):
        axes.barh(place, right - left, left=left, height=0.55, color=colour)
    seen = f"{answer:.1f} s" if answer >= 1 else f"{answer * 1000:.0f} ms"
    axes.text(file + margin, place, f"response after {seen},\nfile after {file:.1f} s", color=colours["ink"], **style)


def ladder(measured, colours):
    """Draw the books per second of each rung, and a line for the shell of each database."""
    figure, axes = pyplot.subplots(figsize=(WIDTH, 4.4))
    for place, (database, colour) in enumerate(zip(NAMES, colours["bars"], strict=True)):
        found = [measured.get(f"{rung}, {database}") for rung in RUNGS]
        speeds = [1_000 / run["seconds"] for run in found if run]
        rows = [row + 0.38 * place for row, run in enumerate(found) if run]
        bars = axes.barh(rows, speeds, height=0.36, color=colour, label=NAMES[database])
        axes.bar_label(bars, fmt="%.0f", padding=4, color=colours["ink"], fontsize=10)
        shell = 1_000 / measured[f"shell, shell, {database}"]["seconds"]
        name = {"sqlite": "sqlite3 -csv", "postgresql": "psql \\copy"}[database]
        axes.axvline(shell, color=colour, linestyle="--", linewidth=1, label=name)
    axes.set_yticks([row + 0.19 for row in range(len(RUNGS))], RUNGS.values())
    axes.invert_yaxis()
    axes.set_xlabel("thousand books per second, one million books")
    finish(axes, colours)
    return figure


def sizes(measured, colours):
    """Draw the peak memory and the time for one book in the quickest run, for each number of books."""
    counts = sorted(map(int, measured))
    figure, (memory, cost) = pyplot.subplots(2, 1, figsize=(WIDTH, 5.2))
    for way, mark, colour in (
        ("lines, file, sqlite", "o", colours["bars"][0]),
        ("native, file, sqlite", "s", colours["bars"][0]),
        ("lines, file, postgresql", "o", colours["bars"][1]),
        ("native, file, postgresql", "s", colours["bars"][1]),
    ):
        runs = [measured[str(count)][way] for count in counts]
        engine, _, database = way.split(", ")
        style = {
            "color": colour,
            "marker": mark,
            "label": f"{'ORM' if engine == 'lines' else engine}, {NAMES[database]}",
        }
        memory.plot(counts, [run["peak_bytes"] / 1e6 for run in runs], **style)
        cost.plot(counts, [run["least"] / count * 1e6 for count, run in zip(counts, runs, strict=True)], **style)
    for axes, title in ((memory, "peak memory, MB"), (cost, "microseconds for a book")):
        axes.set_xscale("log")
        axes.set_ylim(0, 1.1 * axes.dataLim.y1)
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
        axes.legend(frameon=False, labelcolor=colours["ink"], fontsize=10)


def save(figure, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
