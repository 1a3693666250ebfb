"""Compute the figures and tables of the site from benchmarks/results.

`figures()` returns all of them by name. A page inserts one with `{{ name | unit }}` (see figures.py).
Times are in seconds, sizes in bytes, shares and ratios are plain numbers. Tables, names and versions are text.
"""

import json
import re
from functools import cache
from itertools import pairwise

from tutorial import ROOT

RESULTS = ROOT / "benchmarks" / "results"
DATABASES = ("sqlite", "postgresql")
RUNGS = {
    "howto": "1 Django's how-to",
    "columns": "2 columns, no objects",
    "batches": "3 in batches",
    "formatted": "4 formatted by the database",
    "lines": "5 lines by the database",
    "native": "6 the native engine",
}
STREAMED = {"howto": "Django's how-to", "formatted": "csv.writer in batches", "streamed": "step 10"}
PEERS = {
    "import_export, file": "django-import-export",
    "in_memory, file": "model objects, whole file in memory",
    "howto, file": "Django's how-to",
    "pyarrow, file": "ADBC and pyarrow's CSV writer",
    "shell, shell": "`sqlite3 -csv`, `psql \\copy`",
    "copy, file": "the same lines by psycopg's COPY",
    "native, file": "our native engine",
}
RUNNERS = {
    "spawn": "a process each",
    "database": "queue in the database",
    "celery-files": "Celery, a folder",
    "celery-redis": "Celery, Redis",
    "celery-rabbitmq": "Celery, RabbitMQ",
}
# The steps of the runs had other numbers when some results were recorded.
RENUMBERED = {"step 08": "step 10"}
FAULT_RUNNERS = ("spawn", "database", "files", "redis", "rabbitmq")


@cache
def figures():
    """Return all figures by their dotted names."""
    groups = {"ways": ways(), "stream": stream(), "compared": compared()}
    groups |= {"speed": speed(), "runners": runners(), "faults": faults()}
    return {f"{group}.{name}": value for group, values in groups.items() for name, value in values.items()}


@cache
def results(name):
    """Read one file of benchmarks/results."""
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def medians(name="compare_runners"):
    """Return the medians of each runner. `peak_bytes` and the like are numbers."""
    return {
        runner: {key: value["median"] if isinstance(value, dict) else value for key, value in measured.items()}
        for runner, measured in results(name)["medians"].items()
    }


def million():
    """Return the runs that exported a million books, by "approach, where to, database"."""
    return results("speed")["sizes"]["1000000"]


def table(head, rows, align="<"):
    """Write a Markdown table. `align` has a "<" or ">" for each column, and the last one counts for the rest."""
    align += align[-1] * (len(head) - len(align))
    lines = [head, [{"<": "---", ">": "---:"}[each] for each in align], *rows]
    text = "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
    return re.sub(r"(?<=\d) (?=(?:s|ms|µs|MB|%)(?!\w))", "\N{NO-BREAK SPACE}", text)


def megabytes(size):
    return f"{size / 1e6:,.0f} MB"


# docs/index.md


def five_ways():
    """Return for each approach to a million books: seconds until the answer and the file, and while the user waits."""
    rows = {}
    for name, key in {"HttpResponse": "blocking", "StreamingHttpResponse": "streamed"}.items():
        run = million()[f"{key}, http, sqlite"]
        rows[name] = {"answer": run["first_byte"], "file": run["seconds"], "held": run["seconds"]}
    for name, key in {
        "05 a process": "spawn",
        "06 Celery, Redis": "celery-redis",
        "08 django.tasks": "database",
    }.items():
        run = medians()[key]
        rows[name] = {"answer": run["large_answer"], "file": run["large_finish"], "held": run["large_answer"]}
    return rows


def ways():
    keys = ("blocking", "streamed", "spawn", "celery", "tasks")
    rows = dict(zip(keys, five_ways().values(), strict=True))
    found = {f"{key}.{figure}": row[figure] for key, row in rows.items() for figure in ("answer", "file")}
    del found["blocking.file"]  # the same moment as the answer
    return found


# docs/02_httpresponse.md, docs/03_streaming.md


def stream():
    runs = {key: million()[f"{key}, http, sqlite"] for key in STREAMED}
    rows = [
        [
            name,
            f"{1e6 / runs[key]['seconds']:,.0f}",
            f"{runs[key]['seconds']:.1f} s",
            megabytes(runs[key]["peak_bytes"]),
        ]
        for key, name in STREAMED.items()
    ]
    ours = runs["streamed"]["seconds"]
    return {
        "table": table(["way", "rows per second", "whole file", "peak memory"], rows),
        "howto": runs["howto"]["seconds"] / ours,
        "columns": runs["formatted"]["seconds"] / ours,
    }


# docs/05_subprocess_view.md, docs/06_celery_compare.md


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


# docs/speed.md


def speed():
    measured = results("speed")
    machine, seeding, pages = measured["machine"], measured["seeding"], measured["pages"]
    runs = million()
    seconds = {key: run["seconds"] for key, run in runs.items()}
    peak = {key: run["peak_bytes"] for key, run in runs.items()}

    def ratio(slow, fast, database="sqlite"):
        return seconds[f"{slow}, {database}"] / seconds[f"{fast}, {database}"]

    found = {
        "ladder": ladder(runs),
        "peers": peers(runs),
        "sizes": sizes(measured["sizes"]),
        "commands": commands(measured["commands"]),
        "starts": starts(measured["starts"]),
        "rounds": measured["rounds"],
        "books": measured["books"],
        **{key: machine[key] for key in ("cores", "python", "django", "sqlite")},
        "psql": machine["psql (shell)"],
        "first_byte": runs["lines, file, sqlite"]["first_byte"],
        "native_to_shell": ratio("shell, shell", "native, file"),
        "native_to_psql": ratio("shell, shell", "native, file", "postgresql"),
        "lines_to_howto.sqlite": ratio("howto, file", "lines, file"),
        "lines_to_howto.postgresql": ratio("howto, file", "lines, file", "postgresql"),
        "lines_to_import_export": ratio("import_export, file", "lines, file"),
        "memory_to_import_export": peak["lines, file, sqlite"] / peak["import_export, file, sqlite"],
        "postgresql.first_byte": runs["streamed, http, postgresql"]["first_byte"],
        "transaction.first_byte": runs["in_transaction, http, postgresql"]["first_byte"],
        "pipes.sqlite": ratio("pipes, file", "lines, file"),
        "pipes.postgresql": ratio("pipes, file", "lines, file", "postgresql"),
        "copy": ratio("copy, file", "native, file", "postgresql"),
        "seed.sqlite": seeding["seed_books"]["sqlite"],
        "seed.postgresql": seeding["seed_books"]["postgresql"],
        "create": seeding["create"],
        "seed_to_create": seeding["seed_books"]["sqlite"] / seeding["create"],
        "page": pages["/books/"],
        "page.genre": pages["/books/?genre=novel"],
        "page.search": pages["/books/?q=no+such+book"],
    }
    for name, key in (("howto", "howto, file"), ("native", "native, file"), ("shell", "shell, shell")):
        found |= {f"rate.{name}.{database}": 1e6 / seconds[f"{key}, {database}"] for database in DATABASES}
    return found | gains(seconds)


def gains(seconds):
    """Return how many times as fast each rung is as the one before."""
    found = {}
    for before, rung in pairwise(RUNGS):
        for database in DATABASES:
            times = seconds[f"{before}, file, {database}"] / seconds[f"{rung}, file, {database}"]
            found[f"gain.{rung}.{database}"] = times
        http = [seconds.get(through_gunicorn(name)) for name in (before, rung)]
        if all(http):
            found[f"gain.{rung}.gunicorn"] = http[0] / http[1]
    return found


def through_gunicorn(rung):
    return f"{'streamed' if rung == 'lines' else rung}, http, sqlite"


def rate(run):
    return f"{1e6 / run['seconds']:,.0f}" if run else "–"


def ladder(runs):
    rows = []
    for rung, name in RUNGS.items():
        files = [runs[f"{rung}, file, {database}"] for database in DATABASES]
        http = runs.get(through_gunicorn(rung))
        rows.append([name, *map(rate, [*files, http]), megabytes(files[0]["peak_bytes"])])
    head = ["rung", "SQLite, to a file", "PostgreSQL, to a file", "SQLite, through gunicorn", "peak memory"]
    return table(head, rows, "<>")


def peers(runs):
    rows = []
    for key, name in PEERS.items():
        found = [runs.get(f"{key}, {database}") for database in DATABASES]
        run = found[0] or found[1]
        rows.append([name, *map(rate, found), f"{run['cpu_seconds']:.1f} s", megabytes(run["peak_bytes"])])
    return table(["way", "SQLite", "PostgreSQL", "CPU", "peak memory"], rows, "<>")


def sizes(measured):
    rows = []
    for count in sorted(map(int, measured)):
        runs = measured[str(count)]
        cells = [f"{count:,}", f"{runs['streamed, http, sqlite']['first_byte'] * 1000:.0f} ms"]
        for way in (f"{engine}, file, {database}" for database in DATABASES for engine in ("lines", "native")):
            cells.append(f"{runs[way]['least'] / count * 1e6:.1f} µs, {megabytes(runs[way]['peak_bytes'])}")
        rows.append(cells)
    head = ["books", "first byte of the stream", "SQLite, ORM", "native", "PostgreSQL, ORM", "native"]
    return table(head, rows, ">")


def commands(measured):
    runs = {renumbered(name): run for name, run in measured.items()}
    rows = [
        [name, f"{run['seconds']:.1f}", f"{run['bytes'] / 1e6:.0f}"]
        for name, run in runs.items()
        if name.startswith("step 10")  # the other steps of some results are gone
    ]
    return table(["`export_books`", "seconds", "MB"], rows, "<>")


def starts(measured):
    bare = measured["bare no-op"]["seconds"]
    rows = [
        [renumbered(name), f"{run['seconds'] * 1000:.0f}", f"{run['seconds'] / bare:.2f}"]
        for name, run in measured.items()
    ]
    return table(["a command", "milliseconds", "times the bare one"], rows, "<>")


def renumbered(name):
    """Return the name of a run with today's number of its step."""
    for old, new in RENUMBERED.items():
        name = name.replace(old, new)
    return name


# docs/compare.md


def runners():
    measured, of = results("compare_runners"), medians()
    spawn, database = of["spawn"], of["database"]
    found = {
        "table": comparison(of, measured),
        "hundred": burst(),
        "cores": measured["machine"]["cores"],
        "python": measured["machine"]["python"],
        "django": measured["machine"]["django"],
        "spawn.share": spawn["share"],
        "spawn.large_share": spawn["large_share"],
        "unnoticed": spawn["overhead"] / 0.05,  # seconds of a job that spends 5 % on its process
        **{key: measured[key] for key in ("books", "large", "exports", "rounds")},
    }
    for name, run in (("spawn", spawn), ("database", database)):
        found |= {f"{name}.{key}": run[key] for key in ("first_row", "overhead", "burst", "peak_bytes")}
    return found


def comparison(of, measured):
    rows = []
    for name, run in of.items():
        killed = measured["runs"][name]["killed"]
        after = f" after {killed['seconds']:.0f} s" if killed["seconds"] else ""
        times = [f"{run[key] * 1000:.0f} ms" for key in ("answer", "first_row", "finish")]
        memory = [megabytes(run[key]) for key in ("idle_bytes", "peak_bytes")]
        overhead = f"{run['share'] * 100:.0f} %, {run['large_share'] * 100:.0f} %"
        rows.append([RUNNERS[name], *times, f"{run['burst']:.1f} s", *memory, overhead, killed["outcome"] + after])
    burst = f"burst of {measured['exports']}"
    head = ["runner", "answer", "first row", "one export", burst, "idle", "peak", "overhead", "kill -9"]
    return table(head, rows, "<>>>>>>><")


def burst():
    measured = medians("compare_runners_100")
    rows = [
        [RUNNERS[name], f"{run['burst_answers']:.1f} s", f"{run['burst']:.1f} s", megabytes(run["peak_bytes"])]
        for name, run in measured.items()
    ]
    asked = results("compare_runners_100")["exports"]
    return table(["runner", f"all {asked} answered", "all files there", "peak"], rows, "<>")


# docs/reliability.md


def faults():
    measured = results("faults")
    load = {(each["load"], each.get("runner")): each for each in measured["load"]["runs"]}
    queue, spawn = load["exports", "database"], load["exports", "spawn"]
    visitors, memory = load["visitors", None], load["memory", None]
    return {
        "table": outcomes(measured["faults"]["cells"]),
        "visits": visits(visitors),
        "visitors": visitors["visitors"],
        "wrong": sum(visitors[when]["wrong"] for when in ("idle", "busy")),
        "memory.before": memory["bytes"][0],
        "memory.after": memory["bytes"][1],
        "requests": memory["requests"],
        "asked": queue["asked"],
        "queued": queue["accepted"],
        "spawned": spawn["accepted"],
        "refused": spawn["refused"],
        "machine": measured["machine"],
        "cases": measured["input"]["cases"],
        **{key: measured["faults"][key] for key in ("hit", "mails", "done", "failed", "lost", "seconds")},
    }


def outcomes(cells):
    ends = {}
    for cell in cells:
        counts = [f"{cell[end]} {end}" for end in ("done", "failed") if cell.get(end)]
        ends.setdefault(cell["fault"], {})[cell["runner"]] = ", ".join(counts)
    rows = [[fault, *(of.get(runner, "–") for runner in FAULT_RUNNERS)] for fault, of in ends.items()]
    return table(["fault", *FAULT_RUNNERS], rows)


def visits(measured):
    rows = []
    for name, run in (("nothing else to do", measured["idle"]), ("exports at work", measured["busy"])):
        rows.append([name, f"{run['p50']:,.0f} ms", f"{run['p99']:,.0f} ms", f"{run['requests']:,}"])
    return table(["meanwhile", "median", "99th percentile", "answers in 20 s"], rows, "<>")
