"""Measure what an export costs with each runner."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import psutil
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from exports.runners import RUNNERS
from library.errors import database_message
from library.filter_options import add_filter_options, filters_from, invalid_filters
from library.filters import filtered_books

ROWS = {  # what each row of the table is, and its unit
    "respond": ("time until the view can answer", "ms"),
    "one": ("one export, until its email is sent", "s"),
    "burst": ("{exports} exports at the same time", "s"),
    "memory": ("memory for these exports", "MB"),
    "idle": ("memory while nothing runs", "MB"),
}


class Command(BaseCommand):
    help = "Run the same exports with each runner, and compare time and memory."

    def add_arguments(self, parser):
        parser.add_argument("--exports", type=int, default=20, help="how many at the same time (default: 20)")
        parser.add_argument("--rounds", type=int, default=3, help="repeat everything (default: 3)")
        parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="also write the results as JSON")
        add_filter_options(parser)

    def handle(self, *, exports, rounds, output, **options):
        if exports < 1 or rounds < 1:
            raise CommandError("--exports and --rounds need a number from 1 up.")
        try:
            filtered_books(filters_from(options)).exists()
        except ValidationError as error:
            raise invalid_filters(error) from None
        except DatabaseError as error:  # otherwise each export would fail, and we would wait for their emails
            raise CommandError(database_message(error)) from error
        if "COMPARE_RUNNERS" not in os.environ:  # run again in a temporary folder, with a queue of its own
            with tempfile.TemporaryDirectory(prefix="compare-") as folder:
                own = {"COMPARE_RUNNERS": f"{folder}/table", "DATA_DIR": folder, "EMAIL_URL": ""}
                own["CELERY_TASK_DEFAULT_QUEUE"] = Path(folder).name
                # Each export prints a line, so that process leaves its table in a file.
                run = subprocess.run([sys.executable, *sys.argv], env={**os.environ, **own}, stdout=subprocess.DEVNULL)
                if run.returncode == 0:
                    self.stdout.write(Path(own["COMPARE_RUNNERS"]).read_text())
                sys.exit(run.returncode)
        measured = {name: {row: [] for row in ROWS} for name in RUNNERS}
        for number in range(rounds):
            for name in RUNNERS:
                self.stderr.write(f"Round {number + 1} of {rounds}: {name}")
                for row, value in measure(name, exports, filters_from(options)).items():
                    measured[name][row].append(value)
        results = {
            name: {row: statistics.median(each) for row, each in rows.items()} for name, rows in measured.items()
        }
        Path(os.environ["COMPARE_RUNNERS"]).write_text(table(results, exports))
        if output:
            output.write_text(json.dumps({"exports": exports, "rounds": measured, "median": results}, indent=2) + "\n")


def measure(name, exports, filters):
    """Measure one round. Return milliseconds, seconds and megabytes by the names of ROWS."""
    with worker() if name == "celery" else nullcontext():

        def run(number):
            """Start exports. Return the seconds until all have been started, and until all emails are there."""
            before, began = emails(), time.monotonic()
            for _ in range(number):
                RUNNERS[name]("compare@example.com", filters)
            started = time.monotonic() - began
            while emails() < before + number:
                if time.monotonic() > began + 600:
                    raise CommandError(f"{name}: an export hasn't finished within 600 s. Its error is above.")
                time.sleep(0.005)
            return started, time.monotonic() - began

        run(1)  # imports are done and files are cached
        idle = memory() if name == "celery" else 0
        singles = [run(1) for _ in range(3)]
        with peak_memory() as peak:
            _, burst = run(exports)
        return {
            "respond": statistics.median(started for started, _ in singles) * 1000,
            "one": statistics.median(ended for _, ended in singles),
            "burst": burst,
            "memory": peak[0] / 1e6,
            "idle": idle / 1e6,
        }


def emails():
    """Return how many emails are in the folder of emails. Two can be in one file."""
    files = (settings.DATA_DIR / "mail").glob("*")
    return sum(file.read_bytes().count(b"\nMessage-ID:") for file in files)


@contextmanager
def worker():
    """Run a Celery worker with two children, and wait until it is ready."""
    log = settings.DATA_DIR / "worker.log"
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency=2", "--loglevel=info"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=output, stderr=output)
        try:
            while " ready." not in log.read_text():
                if process.poll() is not None:
                    raise CommandError(f"The Celery worker has ended: {log.read_text().strip().splitlines()[-1]}")
                time.sleep(0.05)
            yield
        except CommandError:
            print(log.read_text(), file=sys.stderr)  # the folder of this log is temporary
            raise
        finally:
            process.terminate()
            process.wait()


def memory():
    """Return the bytes of all child processes. Memory that they share is counted once where the system tells."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            info = process.memory_full_info()
            total += getattr(info, "pss", info.rss)
    return total


@contextmanager
def peak_memory():
    """Yield a list whose only number is the largest value of `memory`, measured every 50 ms."""
    peak, stop = [0], threading.Event()

    def watch():
        while not stop.wait(0.05):
            peak[0] = max(peak[0], memory())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def table(results, exports):
    """Return the results as a table, then the ratios of the runners."""
    lines = ["", " " * 40 + "".join(f"{name:>14}" for name in results)]
    for row, (label, unit) in ROWS.items():
        digits = 1 if unit == "ms" else 2 if unit == "s" else 0
        values = "".join(f"{each[row]:>{11}.{digits}f} {unit:<2}" for each in results.values())
        lines.append(f"{label.format(exports=exports):40}{values}")
    lines.append(f"{'services to run':40}{'none':>14}{'worker, broker':>16}")
    own, celery = results["subprocess"], results["celery"]
    lines += [
        "",
        f"Celery needs {celery['idle']:.0f} MB while nothing runs. With subprocess, compared with Celery,",
        f"one export takes {own['one'] / celery['one']:.1f} times as long,",
        f"{exports} at the same time take {own['burst'] / celery['burst']:.1f} times as long,",
        f"and they need {own['memory'] / celery['memory']:.1f} times the memory.",
    ]
    return "\n".join(lines)
