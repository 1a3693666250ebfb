"""Compare a dozen ways to run a background job in Django: how fast, how large, and what happens after a kill.

    python benchmarks/background.py --list               the runners and the measurements
    python benchmarks/background.py --quick              all of them with small numbers, to see that they work
    python benchmarks/background.py                      the whole comparison: start it on a quiet machine
    python benchmarks/background.py -r tasks_db tasks_ox -m kill_process kill_worker

Each runner runs the same jobs in the same project, with the same books, through gunicorn. The database is PostgreSQL if
it is installed, and each runner that keeps its queue in the database keeps it there. huey has a SQLite file of its own.
Runners that poll look for new tasks ten times a second, and all of them run two tasks at a time. With --defaults, they
do both as their package does it if you set nothing. Django's CONN_MAX_AGE is 0, except in the measurement
kept_connections.

First, each runner is measured alone, in several rounds, runners in turn. Measurements that take long are in the first
round only. Then all runners are idle at the same time. Then several at a time are killed, stopped and so on, and
watched for --watch seconds. When their workers are killed, a worker counts as dead after --lease seconds, if the
package has such a setting. Workers that have ended are started again, as systemd does it. At last, the export job of
step 11 runs with each backend of Django Tasks, and its workers are killed too.

The results go to benchmarks/results/background.json, with all rounds. A runner that can't run here is named there,
with the reason. If you choose runners or measurements, the other results of the file stay as they are. After that,
python benchmarks/plots.py draws the plots of the site.

You need Linux and: pip install -e '.[runners]' -c constraints.txt. Redis, RabbitMQ and PostgreSQL are started on free
ports of 127.0.0.1 and ended again.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import getaddresses
from importlib.metadata import files as files_of
from importlib.metadata import metadata
from pathlib import Path

from rich.console import Console
from rich.table import Table

from measure import machine
from tutorial import find_step

sys.path.append(str(find_step("11")))  # for library and backends

from runners import NAMES, POLL, PROCESSES, load, why_not
from runners.measurements import DEFAULTS, EXPORTS, IDLE, KEPT, KILLS, LONG, MEASUREMENTS, NEW, ONCE, OUTCOMES, SPEED
from runners.processes import Missing, Stopped, program, stopped
from runners.session import Session

RESULTS = Path(__file__).resolve().parent / "results" / "background.json"
AT_A_TIME = 12  # runners whose outcomes are watched at the same time
AGE = 600  # seconds, the CONN_MAX_AGE of the measurement `kept_connections`
BOOKS = 2_000  # in the library of the measurement `exports`
console = Console(stderr=True)


@dataclass
class Sizes:
    """How much is measured. The defaults are those of the whole comparison."""

    rounds: int = 3
    books: int = 20_000  # in the file of one export
    clicks: int = 10  # exports one after the other
    burst: int = 20
    large_burst: int = 100
    idle: float = 30
    empty: int = 10_000
    few: int = 30  # tasks, if each starts a process
    seconds: float = 6  # at most, for each phase of the empty tasks
    connections: int = 300  # empty tasks with new connections to the database, and with kept ones
    once: int = 1_000
    finished: int = 100_000
    soon: float = 2  # seconds, in which a task starts if nothing keeps it from starting
    stop: float = 12  # how long a task goes on after the signal to stop, if the worker lets it
    failure: float = 15
    lease: int = 5
    watch: float = 20


QUICK = {
    "rounds": 1,
    "books": 500,
    "clicks": 2,
    "burst": 4,
    "large_burst": 6,
    "idle": 2,
    "empty": 50,
    "few": 3,
    "connections": 20,
    "seconds": 5,
}
QUICK |= {"once": 20, "finished": 2_000, "soon": 1, "stop": 7, "failure": 3, "watch": 12}


def main():
    options = read_options()
    if options.list:
        return show_list()
    if not Path("/proc/self/smaps_rollup").exists():
        sys.exit("This benchmark needs Linux, because it reads the memory of processes from /proc.")
    sizes = Sizes(**(QUICK if options.quick else {}))
    for name in ("rounds", "lease", "watch"):
        setattr(sizes, name, getattr(options, name) or getattr(sizes, name))
    began = time.monotonic()
    results = {"machine": machine("django", "gunicorn"), "settings": settings(options, sizes), "runners": {}}
    runners = []
    for name in options.runners:
        entry = results["runners"][name] = {}
        if reason := describe(name, entry, options.database):
            entry["left_out"] = reason
            console.print(f"{name} is left out. {reason}", markup=False, highlight=False)
        else:
            runners.append(name)
    output = options.output or (None if options.quick else RESULTS)
    try:
        with tempfile.TemporaryDirectory() as kept:
            measure(runners, options, sizes, results, Path(kept))
    except KeyboardInterrupt:
        output = output and output.with_suffix(".stopped.json")  # the results of an earlier run stay
        raise
    finally:
        results["seconds"] = round(time.monotonic() - began)
        if output:
            save(results, output, is_part=options.runners != NAMES or options.measure != [*MEASUREMENTS])
    show(results)
    return None


def describe(name, entry, database):
    """Add to the results what the runner is. Return in a sentence why it can't run here, or None if it can."""
    try:
        runner = load(name)
        entry |= {"title": runner.TITLE, "lease_by_default": runner.LEASE}
        reason = why_not(name) or missing_server(runner, database)
        if not reason:
            entry["packages"] = {package: about(package) for package in runner.PACKAGES}
    except Exception as error:  # a package that can't be imported
        reason = f"{type(error).__name__}: {error}"
    return reason


def about(package):
    """Return what a package says about itself: version, licence and people."""
    known = metadata(package)
    classifiers = [line.rpartition(" :: ")[2] for line in known.get_all("Classifier", []) if "License ::" in line]
    licence = known.get("License-Expression") or known.get("License") or ", ".join(classifiers) or from_file(package)
    people = named(known, "Maintainer") or named(known, "Author")
    links = {name.lower(): url for name, _, url in (line.partition(", ") for line in known.get_all("Project-URL", []))}
    changes = links.get("changelog") or links.get("releases") or ""
    return {"version": known.get("Version"), "licence": licence, "people": ", ".join(people), "changes": changes}


def from_file(package):
    """Return the licence whose words are in the licence file of a package."""
    words = {"Permission is hereby granted, free of charge": "MIT", "Apache License, Version 2.0": "Apache-2.0"}
    files = [file for file in files_of(package) if file.name == "LICENSE"]
    return next((name for file in files for word, name in words.items() if word in file.read_text("utf-8")), "")


def named(known, role):
    """Return the names that the metadata has for a role, with or without an address."""
    names = [name.strip() for name in known.get(role, "").split(",")]
    names += [name for name, _ in getaddresses([known.get(f"{role}-email", "")])]
    return list(dict.fromkeys(filter(None, names)))


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-r", "--runners", nargs="+", choices=NAMES, default=NAMES, metavar="RUNNER")
    parser.add_argument("-m", "--measure", nargs="+", choices=MEASUREMENTS, default=[*MEASUREMENTS], metavar="WHAT")
    parser.add_argument("--list", action="store_true", help="show the runners and the measurements, and end")
    parser.add_argument("--quick", action="store_true", help="small numbers: they show that it works, and nothing else")
    parser.add_argument("--defaults", action="store_true", help="poll interval and concurrency as in each package")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default=best_database())
    parser.add_argument("--rounds", type=int, help="how often each runner is measured (default: 3)")
    parser.add_argument("--lease", type=int, help="seconds after which a worker counts as dead (default: 5)")
    parser.add_argument("--watch", type=float, help="seconds to watch after a kill (default: 20)")
    parser.add_argument("--output", type=Path, help="the file for the results (with --quick, there is none by default)")
    return parser.parse_args()


def best_database():
    try:
        program("initdb", *Path("/usr/lib/postgresql").glob("*/bin"))
    except Missing:
        return "sqlite"
    return "postgresql"


def missing_server(runner, database):
    """Return in a sentence what is missing, or None."""
    if database not in getattr(runner, "DATABASES", [database]):
        return f"It needs {' or '.join(runner.DATABASES)}."
    try:
        if broker := getattr(runner, "BROKER", None):
            program({"redis": "redis-server", "rabbitmq": "rabbitmq-server"}[broker], "/usr/lib/rabbitmq/bin")
    except Missing as error:
        return str(error)
    return None


def settings(options, sizes):
    equal = {"poll": "default", "processes": "default"} if options.defaults else {"poll": POLL, "processes": PROCESSES}
    return {"database": options.database, **equal, **vars(sizes), "quick": options.quick}


def measure(runners, options, sizes, results, kept):
    def each(names, group, number, **more):
        chosen = [name for name in group if name in options.measure]
        return [(name, chosen, options, sizes, results, number, kept, more) for name in names if chosen]

    fast = [name for name in runners if not hasattr(load(name), "AS_FAST_AS")]
    for number in range(sizes.rounds):
        group = SPEED if number else SPEED | LONG
        for task in each(fast, group, number, books=sizes.books):
            run(*task)
    for task in each(fast, DEFAULTS, 0, books=sizes.books, defaults=True):
        run(*task)
    in_database = [name for name in fast if hasattr(load(name), "FINISHED")]
    for number in range(sizes.rounds):
        for task in each(in_database, NEW, number) + each(in_database, KEPT, number, age=AGE):
            run(*task)
    at_the_same_time(len(NAMES), each(fast, IDLE, 0))
    backends = [name for name in runners if name.startswith("tasks_")]
    tasks = []
    for number in range(sizes.rounds):
        tasks += each(runners, OUTCOMES if number else OUTCOMES | ONCE, number)
        tasks += each(runners, KILLS, number, lease=sizes.lease)
        tasks += each(backends, EXPORTS, number, lease=sizes.lease, books=BOOKS, project="export_settings")
    at_the_same_time(AT_A_TIME, tasks)


def at_the_same_time(count, tasks):
    """Run several at the same time. After Ctrl-C, wait until each has ended its processes."""
    with ThreadPoolExecutor(count) as pool:
        try:
            list(pool.map(lambda task: run(*task), tasks))
        except KeyboardInterrupt:
            stopped.set()
            raise


def run(name, what, options, sizes, results, number, kept, more):
    """Start a runner, and measure. If something doesn't work, note the error and go on with the next measurement."""
    entry, left = results["runners"][name], list(what)
    if "left_out" in entry:
        return
    books, project = more.get("books", 0), more.get("project", "settings")
    more = {"defaults": options.defaults, **more, "kept": kept / f"{name}-{project}-{books}"}
    more.pop("books", None)
    while left:  # a new session after an error
        began, each, session = time.monotonic(), None, None
        try:
            with tempfile.TemporaryDirectory(prefix="runners-") as folder:
                with Session(name, folder, options.database, **more) as session:
                    session.start(books)
                    while left:
                        began, each = time.monotonic(), left.pop(0)
                        session.restart_ended()
                        figures = MEASUREMENTS[each](session, sizes)
                        entry.setdefault(each, []).append(figures)
                        report(number, sizes, name, each, began, figures)
        except Stopped:
            return
        except Exception as error:
            failed, text = [each], f"{type(error).__name__}: {error}"
            if options.quick and session:  # somebody looks for the reason
                text += "".join(traceback.format_exception(error)) + session.log("site") + session.log("worker")
            if each is None:  # the session didn't start
                failed, left = left, []
                if not entry.keys() & MEASUREMENTS.keys():  # nor did an earlier one
                    entry["left_out"] = f"It didn't start. {text}"
            entry.setdefault("errors", []).extend({"measurement": m, "round": number, "error": text} for m in failed)
            report(number, sizes, name, ", ".join(failed), began, text)


def report(number, sizes, name, what, began, figures):
    text = str(figures)
    seconds = time.monotonic() - began
    line = f"{number + 1}/{sizes.rounds} {name} {what} ({seconds:.0f} s): {text[:160]}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def save(results, output, is_part):
    """Write the results. The file keeps older results of the same machine and settings, and the time of a whole run."""
    if output.exists():
        before = json.loads(output.read_text("utf-8"))
        if before["machine"] == results["machine"] and before["settings"] == results["settings"]:
            if is_part:
                results["seconds"] = before["seconds"]
            for name, entry in before["runners"].items():
                results["runners"][name] = {**entry, **results["runners"].get(name, {})}
            results["runners"] = {name: results["runners"][name] for name in NAMES if name in results["runners"]}
    output.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    console.print(f"The results are in {output}.", markup=False, highlight=False)


def show_list():
    table = Table("runner", "what it is", "needs", "can it run here?")
    for name in NAMES:
        runner = load(name)
        needs = [*getattr(runner, "DATABASES", []), *filter(None, [getattr(runner, "BROKER", None)])]
        reason = why_not(name) or missing_server(runner, getattr(runner, "DATABASES", ["sqlite"])[0])
        table.add_row(name, runner.TITLE, ", ".join(needs), reason or "yes")
    console.print(table)
    table = Table("measurement", "what it does")
    for name, function in MEASUREMENTS.items():
        table.add_row(name, function.__doc__.splitlines()[0])
    console.print(table)


def show(results):
    kills = ["kill_process", "kill_worker", "kill_broker", "stop"]
    table = Table("runner", "done (median)", *kills, "errors")
    for name, entry in results["runners"].items():
        done = sorted(click["done"] for clicks in entry.get("latency", []) for click in clicks)
        middle = f"{done[len(done) // 2]:.2f} s" if done else ""
        outcomes = [{each["outcome"] for each in entry.get(kill, []) if each} for kill in kills]
        errors = str(len(entry.get("errors", [])) or "")
        table.add_row(name, middle, *(", ".join(sorted(each)) for each in outcomes), errors)
    console.print(table)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, so what it has started ends too
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped.")
