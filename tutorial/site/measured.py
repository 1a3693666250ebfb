"""Compute the figures and tables of the site from benchmarks/results.

`figures()` returns all of them by name. A page inserts one with `{{ name | unit }}` (see figures.py).
Times are in seconds, sizes in bytes, shares and ratios are plain numbers. Tables, names and versions are text.
"""

import json
import re
import sys
from functools import cache
from itertools import pairwise
from statistics import median

from tutorial import ROOT

DATABASES = ("sqlite", "postgresql")
MISSING = "–"  # of what was not measured
RUNGS = {
    "howto, file": "1 Django's how-to",
    "columns, file": "2 columns, no objects",
    "batches, file": "3 in batches",
    "formatted, file": "4 formatted by the database",
    "lines, file": "5 lines by the database",
    "native, file": "6 the native engine",
    "limit, C": "7 the limit, a program in C",
}
DOWNLOADS = {
    "howto": "Django's how-to",
    "step 02": "step 02, one `HttpResponse`",
    "step 03": "step 03, `csv.writer` in batches",
    "step 11": "step 11, lines by the database",
}
ENGINES = {
    "orm, command": "`--engine orm`",
    "orm --raw, command": "`--engine orm --raw`",
    "native, command": "`--engine native`",
    "native --raw, command": "`--engine native --raw`",
    "native escaped, file": "`--engine native`, without the start of Django",
    "native, file": "`--engine native --raw`, without the start of Django",
    "shell, shell": "`sqlite3 -csv`, `psql \\copy`",
}
PEERS = (
    "import_export, file",
    "howto, file",
    "native, file",
    "copy, file",
    "copy csv, file",
    "postgres_copy, file",
    "shell, shell",
)
RATIOS = {  # how many times as fast the first way is as the second one
    "native": ("native, command", "orm, command", "sqlite"),
    "native.postgresql": ("native, command", "orm, command", "postgresql"),
    "step11_to_03.postgresql": ("step 11, http", "step 03, http", "postgresql"),
    "raw_to_shell": ("native, file", "shell, shell", "sqlite"),
    "escaped_to_shell": ("native escaped, file", "shell, shell", "sqlite"),
    "raw_to_psql": ("native, file", "shell, shell", "postgresql"),
    "escaped_to_psql": ("native escaped, file", "shell, shell", "postgresql"),
    "limit.gain": ("limit, C", "native, file", "sqlite"),
    "import_export": ("lines, file", "import_export, file", "sqlite"),
    "postgres_copy": ("postgres_copy, file", "native, file", "postgresql"),
    "copy.wall": ("copy, file", "native, file", "postgresql"),
    "copy_csv": ("copy csv, file", "native, file", "postgresql"),
    "copy_csv.escaped": ("copy csv escaped, file", "native escaped, file", "postgresql"),
    "parallel.native": ("native parallel, file", "native, file", "postgresql"),
    "parallel.copy": ("copy parallel, file", "copy, file", "postgresql"),
}
WAYS = {"02": "HttpResponse", "03": "StreamingHttpResponse", "05": "Popen", "06": "Celery"}
FAULT_RUNNERS = ("database", "subprocess", "files", "redis", "rabbitmq")
EMAIL_ENDS = {"The email could not be sent.": "not sent", "We don't know whether the email was sent.": "not known"}


@cache
def figures():
    """Return all figures by their dotted names."""
    groups = {"ways": ways(), "compared": compared()}
    groups |= {"speed": speed(), "runners": runners(), "faults": faults()}
    return {f"{group}.{name}": value for group, values in groups.items() for name, value in values.items()}


@cache
def results(name):
    """Read one file of benchmarks/results."""
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text("utf-8"))


def table(head, rows, align="<"):
    """Write a Markdown table. `align` has a "<" or ">" for each column, and the last one counts for the rest."""
    align += align[-1] * (len(head) - len(align))
    lines = [head, [{"<": "---", ">": "---:"}[each] for each in align], *rows]
    return "\n".join(f"| {cells(*line)} |" for line in lines)


def cells(*values):
    """Write cells of a row of a table, whose other cells are in the page."""
    return re.sub(r"(?<=\d) (?=(?:s|ms|µs|MB|%)(?!\w))", "\N{NO-BREAK SPACE}", " | ".join(map(str, values)))


def named(key):
    """The name of a figure, which has no spaces."""
    return re.sub(r"\W+", "_", key)


def megabytes(size):
    return f"{size / 1e6:,.0f} MB"


def four_ways():
    """Return for each number of books and approach: seconds until the answer, the file or the error, and of waiting."""
    return {int(books): dict(timelines(size["median"])) for books, size in results("ways")["sizes"].items()}


def timelines(medians):
    for step, name in WAYS.items():
        run = medians[step]
        yield name, {**run, "held": run.get("answer" if step in ("05", "06") else "file")}


def ways():
    """Return the figures of docs/index.md."""
    keys = ("blocking", "streamed", "popen", "celery")
    sizes = four_ways()
    small, large = (dict(zip(keys, sizes[books].values(), strict=True)) for books in (min(sizes), max(sizes)))
    found = {f"{key}.{figure}": row[figure] for key, row in small.items() for figure in ("answer", "file")}
    found |= {f"large.{key}.file": large[key]["file"] for key in keys[1:]}
    found |= {"books": f"{min(sizes):,}", "large.books": f"{max(sizes):,}", "timeout": results("ways")["timeout"]}
    return {**found, "large.blocking.error": large["blocking"].get("error", MISSING)}


def compared():
    """Return what step 06's `compare_runners` measured. A ratio says how much more a process costs than Celery."""
    measured = results("compare_subprocess_celery")
    own, celery = measured["median"]["subprocess"], measured["median"]["celery"]
    return {
        "subprocess.one": own["one"],
        "celery.one": celery["one"],
        "subprocess.memory": own["memory"] * 1e6,
        "celery.idle": celery["idle"] * 1e6,
        **{row: own[row] / celery[row] for row in ("burst", "memory")},
    }


def speed():
    """Return the figures of docs/speed.md, which docs/11_full_speed.md also shows."""
    measured = results("speed")
    machine, seeding, pages = measured["machine"], measured["seeding"], measured["pages"]
    runs = measured["sizes"]["1000000"]  # by "approach, where to, database"
    packed = {name: run["seconds"] for name, run in measured["commands"].items()}
    found = {
        "downloads": downloads(runs),
        "engines": on_both("a million books to a file", ENGINES, spread, runs),
        "ladder": on_both("rung", RUNGS, rate, runs),
        **{f"peer.{named(key)}": row for key, row in peers(runs)},
        "sizes": sizes(measured["sizes"]),
        "commands": commands(measured["commands"]),
        "starts": starts(measured["starts"]),
        **{name: faster(runs, *ways) for name, ways in RATIOS.items()},
        "rounds": measured["rounds"],
        **{f"workers.{name}": str(count) for name, count in measured["workers"].items()},
        "limit": runs.get("limit, C, sqlite", {}).get("cpu_seconds", MISSING),
        "walk": runs.get("walk, C, sqlite", {}).get("cpu_seconds", MISSING),
        "books": measured["books"],
        **{key: machine[key] for key in ("cores", "python", "django", "sqlite")},
        "psql": machine["psql (shell)"],
        "step03": less_cpu(runs, "step 03", "howto"),
        "step11": less_cpu(runs, "step 11", "howto"),
        "step11_to_03": less_cpu(runs, "step 11", "step 03"),
        "howto.http": runs["howto, http, sqlite"]["seconds"],
        "howto.file": runs["howto, file, sqlite"]["seconds"],
        "step02.memory": runs["step 02, http, sqlite"]["peak_bytes"],
        "import_export.memory": runs["import_export, file, sqlite"]["peak_bytes"],
        "copy": less_cpu(runs, "native", "copy", "file, postgresql"),
        "copy_csv.cpu": less_cpu(runs, "native", "copy csv", "file, postgresql"),
        "bytes": measured["commands"]["step 11, native"]["bytes"],
        "zip": packed["zip"] / packed["step 11, native"],
        "seed.sqlite": seeding["seed_books"]["sqlite"],
        "seed.postgresql": seeding["seed_books"]["postgresql"],
        "create": seeding["create"],
        "seed_to_create": seeding["seed_books"]["sqlite"] / seeding["create"],
        "page": pages["/books/"],
        "page.genre": pages["/books/?genre=novel"],
        "page.search": pages["/books/?q=no+such+book"],
    }
    for before, rung in list(pairwise(RUNGS))[:-1]:
        for database in DATABASES:
            found[f"gain.{rung.partition(',')[0]}.{database}"] = faster(runs, rung, before, database)
    for name, key in (("howto", "howto, file"), ("native", "native, file"), ("shell", "shell, shell")):
        found |= {f"rate.{name}.{database}": 1e6 / runs[f"{key}, {database}"]["seconds"] for database in DATABASES}
    found["rate.limit.sqlite"] = rate(runs.get("limit, C, sqlite"))
    return found


def faster(runs, fast, slow, database="sqlite"):
    """Return how many times as fast a way is. If both ran in each round, return the median of the rounds' ratios."""
    pair = [runs.get(f"{way}, {database}") for way in (slow, fast)]
    if None in pair:
        return MISSING
    slow_rounds, fast_rounds = (run["rounds"] for run in pair)
    if len(slow_rounds) == len(fast_rounds):
        return median(slow / fast for slow, fast in zip(slow_rounds, fast_rounds, strict=True))
    return pair[0]["seconds"] / pair[1]["seconds"]


def less_cpu(runs, fast, slow, where="http, sqlite"):
    """Return the ratio of the CPU times of two ways. Other programs hardly change CPU time."""
    slow, fast = (runs[f"{way}, {where}"]["cpu_seconds"] for way in (slow, fast))
    return slow / fast


def rate(run):
    return f"{1e6 / run['seconds']:,.0f}" if run else MISSING


def spread(run):
    """Write the median of the seconds, and the least and the most."""
    return f"{run['seconds']:.1f} s" + (f" ({run['least']:.1f} to {run['most']:.1f})" if len(run["rounds"]) > 1 else "")


def downloads(runs):
    rows = []
    for key, name in DOWNLOADS.items():
        run = runs[f"{key}, http, sqlite"]
        cpu, times = f"{run['cpu_seconds']:.1f} s", f"{less_cpu(runs, key, 'howto'):.1f}"
        first = f"{run['first_byte'] * 1000:,.0f} ms"
        rows.append([name, spread(run), cpu, times, first, megabytes(run["peak_bytes"])])
    head = ["download", "whole file", "CPU time", "times the how-to", "first byte", "peak memory"]
    return table(head, rows, "<>")


def on_both(what, names, figure, runs):
    """A table of ways to write a file, with a figure for each database."""
    rows = []
    for key, name in names.items():
        found = [runs.get(f"{key}, {database}") for database in DATABASES]
        rows.append([name, *map(figure, found), megabytes(found[0]["peak_bytes"]) if found[0] else MISSING])
    return table([what, "SQLite", "PostgreSQL", "peak memory, SQLite"], rows, "<>")


def peers(runs):
    for key in PEERS:
        found = [runs.get(f"{key}, {database}") for database in DATABASES]
        run = found[0] or found[1]
        costs = [f"{run['cpu_seconds']:.1f} s", megabytes(run["peak_bytes"])] if run else [MISSING, MISSING]
        yield key, cells(*map(rate, found), *costs)


def sizes(measured):
    rows = []
    ways = [f"{engine}, file, {database}" for database in DATABASES for engine in ("lines", "native")]
    for count in sorted(map(int, measured)):
        runs = measured[str(count)]
        download = megabytes(runs["step 11, http, sqlite"]["peak_bytes"])
        rows.append([f"{count:,}", download, *(megabytes(runs[way]["peak_bytes"]) for way in ways)])
    head = ["books", "download of step 11", "SQLite, ORM", "native", "PostgreSQL, ORM", "native"]
    return table(head, rows, ">")


def commands(measured):
    rows = [[name, f"{run['seconds']:.1f}", f"{run['bytes'] / 1e6:.0f}"] for name, run in measured.items()]
    return table(["`export_books`", "seconds", "MB"], rows, "<>")


def starts(measured):
    bare = measured["bare no-op"]["seconds"]
    rows = [[name, f"{run['seconds'] * 1000:.0f}", f"{run['seconds'] / bare:.2f}"] for name, run in measured.items()]
    return table(["a command", "milliseconds", "times the bare one"], rows, "<>")


def runners():
    """Return the figures of docs/compare.md."""
    sys.path.append(str(ROOT / "benchmarks"))
    from runners.tables import figures

    return figures(results("background"))


def faults():
    """Return the figures of docs/reliability.md."""
    measured = results("faults")
    cases = measured["cells"]
    sums = {key: sum(cell.get(key, 0) for cell in cases) for key in ("exports", "done", "failed", "emails")}
    return {
        **outcomes(cases),
        **sums,
        **{named(end): sum(cell["email_errors"].get(error, 0) for cell in cases) for error, end in EMAIL_ENDS.items()},
        "cases": len(cases),
        "lost": sums["exports"] - sums["done"] - sums["failed"],
        "minutes": max(cell["minutes"] for cell in cases),
        "each": measured["exports"],
        "machine": measured["machine"],
        "took": measured["seconds"] / 60,
    }


def outcomes(measured):
    """For each fault the cells of a row, with what came of it with each runner."""
    of = {(cell["fault"], cell["runner"]): outcome(cell) for cell in measured}
    faults = {fault for fault, _ in of}
    return {named(fault): cells(*(of.get((fault, runner), "–") for runner in FAULT_RUNNERS)) for fault in faults}


def outcome(cell):
    counts = {end: cell.get(end, 0) for end in ("done", "failed")}
    counts |= {f"emails {EMAIL_ENDS[error]}": number for error, number in cell["email_errors"].items()}
    texts = [f"{number} {what}" for what, number in counts.items() if number]
    return ", ".join(texts + [f"{cell['minutes']} min"] * bool(cell["minutes"]))
