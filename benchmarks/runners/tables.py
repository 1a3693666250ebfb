"""The figures and tables of docs/compare.md, from the results of benchmarks/background.py.

Each cell has the median of the rounds, and in brackets the least and the most.
"""

from collections import Counter
from functools import reduce
from operator import getitem
from statistics import median

from tutorial.site.measured import table


def figures(measured):
    """Return all figures and tables by their names."""
    runs = [run for run in measured["runners"].values() if "left_out" not in run]
    packages = {name: about for run in runs for name, about in run["packages"].items()}
    rows = [
        [f"`{name}`", *(about[key] or "–" for key in ("version", "licence", "people")), link(name, about["changes"])]
        for name, about in sorted(packages.items())
    ]
    return {
        **{name: of_runners(columns, runs) for name, columns in TABLES.items()},
        "packages": table(["package", "version", "licence", "people", "releases"], rows, "<"),
        **{key: measured["settings"][key] for key in SETTINGS},
        **{key: measured["machine"][key] for key in ("cores", "python", "django")},
        "took": measured["seconds"] / 60,
    }


def link(name, url):
    return f"[changes]({url or CHANGES[name]})"


def of_runners(columns, runs):
    """Write a table with a row for each runner of which one of the columns is known."""
    rows = [[run["title"], *(cell(column, run) for column in columns.values())] for run in runs]
    return table(["runner", *columns], [row for row in rows if set(row[1:]) != {"–"}], "<")


def cell(column, run):
    try:
        return column(run)
    except (KeyError, TypeError, ValueError):  # it wasn't measured, or can't be
        return "–"


def rounds(values, decimals=0):
    """Write the median of the rounds, with the least and the most."""
    low, middle, high = (f"{each:,.{decimals}f}" for each in (min(values), median(values), max(values)))
    return middle if low == high else f"{middle} ({low}\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}{high})"


def clicks(run, key, name="latency", scale=1000):
    """Return the median of each round in milliseconds."""
    return [scale * median(click[key] for click in each) for each in run[name]]


def of(run, *keys, scale=1):
    """Return a figure of each round."""
    return [scale * reduce(getitem, keys[1:], each) for each in run[keys[0]]]


def yes(value):
    return "yes" if value else "no"


def cpu_of_a_task(run, name="empty"):
    """Write the CPU time of an empty task in milliseconds."""
    if not run["idle"][0]["processes"]["workers"]:
        raise ValueError("The site's process starts the tasks.")
    return rounds([1000 * sum(each["run"]["cpu_seconds"].values()) / each["done"] for each in run[name]], 1)


def seen(run, kill):
    """Write what came of a task in each round, and after how long."""
    found = [each for each in run[kill] if each]
    texts = []
    for outcome, number in Counter(each["outcome"] for each in found).most_common():
        same = [each for each in found if each["outcome"] == outcome]
        after = f" after {rounds([each['seconds'] for each in same])} s" * (outcome in ("run again", "failed"))
        well = run["failure"][0]["state_after_success"] if run.get("failure") else None
        states = sorted({each["state"] for each in same if each["state"] not in (None, well) and outcome != "failed"})
        state = f" ({', '.join(states)})" if states else ""
        texts.append(f"{number} of {len(found)}: " * (number < len(found)) + outcome + after + state)
    return "; ".join(texts) or "–"


def waited(found):
    """Write how many tasks waited in the queue when its server was killed, and ran after that, in each round."""
    done = [each["waiting_done"] for each in found]
    return f"{rounds(done)} of {found[0]['waiting']} ran" if done else "–"


def ends(run, fault):
    """Write how our export has ended in each round."""
    found = [each[fault] for each in run["exports"]]
    once = {"state": "done", "settled": True, "files": 1, "emails": 1, "complete": True}
    if all(each.items() >= once.items() for each in found):
        tries, seconds = ([each[key] for each in found if each[key] is not None] for key in ("tries", "seconds"))
        return f"once, tries: {rounds(tries)}, {rounds(seconds)} s"
    return "; ".join(f"{each['state']}, {each['files']} files, {each['emails']} emails" for each in found)


CHANGES = {  # of the packages whose metadata has no such link
    "dj-queue": "https://github.com/coriocactus/dj_queue/releases",
    "django": "https://docs.djangoproject.com/en/stable/releases/",
    "django-dramatiq": "https://github.com/Bogdanp/django_dramatiq/blob/master/CHANGELOG.md",
    "django-q2": "https://github.com/GDay/django-q2/blob/master/CHANGELOG.md",
}
SETTINGS = ("database", "rounds", "books", "clicks", "burst", "large_burst", "empty", "once", "finished", "poll")
SETTINGS += ("connections", "processes", "idle", "failure", "lease", "watch", "stop", "soon")
TABLES = {
    "times": {
        "response, ms": lambda run: rounds(clicks(run, "answer")),
        "start, ms": lambda run: rounds(clicks(run, "start")),
        "file, ms": lambda run: rounds(clicks(run, "done")),
        "file with defaults, ms": lambda run: rounds(clicks(run, "done", "defaults")),
        "burst, s": lambda run: rounds(of(run, "burst", "seconds"), 1),
        "large burst, s": lambda run: rounds(of(run, "large_burst", "seconds"), 1),
    },
    "costs": {
        "processes": lambda run: rounds(of(run, "idle", "processes", "workers")),
        "workers, MB": lambda run: rounds(of(run, "idle", "bytes", "workers", scale=1e-6)),
        "all, MB": lambda run: rounds([sum(each["bytes"].values()) / 1e6 for each in run["idle"]]),
        "peak, MB": lambda run: rounds(of(run, "burst", "peak_bytes", "all", scale=1e-6)),
        "idle CPU, %": lambda run: rounds(
            [100 * sum(i["cpu_seconds"].values()) / i["seconds"] for i in run["idle"]], 1
        ),
        "enqueue, ms": lambda run: rounds([1000 * e["enqueue"]["seconds"] / e["enqueued"] for e in run["empty"]], 1),
        "tasks a second": lambda run: rounds([each["done"] / each["run"]["seconds"] for each in run["empty"]]),
        "CPU a task, ms": lambda run: cpu_of_a_task(run),
        "many finished, ms": lambda run: " → ".join(
            f"{1000 * median(click['start'] for click in run['finished'][0][when]):,.0f}"
            for when in ("before", "after")
        ),
    },
    "kept": {
        "CPU a task with new connections, ms": lambda run: cpu_of_a_task(run, "new_connections"),
        "with kept connections, ms": lambda run: cpu_of_a_task(run, "kept_connections"),
    },
    "rules": {
        "starts before the commit": lambda run: yes(run["transaction"][0]["starts_before_commit"]),
        "starts after a rollback": lambda run: yes(run["transaction"][0]["starts_after_rollback"]),
        "runs of a failing task": lambda run: rounds(of(run, "failure", "runs")),
        "its state": lambda run: run["failure"][0]["state"] or "–",
        "run once": lambda run: rounds(of(run, "once", "run_once")),
        "more often": lambda run: rounds(of(run, "once", "run_more_often")),
        "not run": lambda run: rounds(of(run, "once", "not_run")),
    },
    "kills": {
        "its process": lambda run: seen(run, "kill_process"),
        "the worker": lambda run: seen(run, "kill_worker"),
        "the queue's server": lambda run: seen(run, "kill_broker"),
        "tasks that waited": lambda run: waited([each for each in run["kill_broker"] if each]),
        "with the defaults": lambda run: run["lease_by_default"],
    },
    "stops": {
        "signal": lambda run: run["stop"][0]["signal"],
        "the task": lambda run: seen(run, "stop"),
        "the worker waits": lambda run: yes(not any(of(run, "stop", "worker_ended", "before_the_task"))),
        "the task after SIGTERM, if it's another signal": lambda run: seen(run, "sigterm"),
    },
    "exports": {
        "nothing": lambda run: ends(run, "nothing"),
        "kill its process": lambda run: ends(run, "kill_process"),
        "kill the worker": lambda run: ends(run, "kill_worker"),
        "stop the worker": lambda run: ends(run, "stop"),
        "kill the queue's server": lambda run: ends(run, "kill_broker"),
    },
}
