"""The jobs of the benchmark. Each notes when it starts and when it ends, in a file."""

import json
import os
import time
from pathlib import Path

FOLDER = Path(os.environ["RUNNER_FOLDER"])


def run(kind, key):
    """Run a job. `key` tells it from others in the file of events."""
    note("start", key)
    try:
        JOBS[kind](key)
    except Exception:
        note("raise", key)
        raise
    note("end", key)


def note(event, key):
    # One write to a file that is opened for appending is atomic. All processes of a machine share the monotonic clock.
    line = json.dumps([event, key, os.getpid(), time.monotonic()]) + "\n"
    file = os.open(FOLDER / "events", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)


class Broken(Exception):
    """What the job `fail` raises."""


def empty(key):
    pass


def export(key):
    from library.book_csv import write_csv
    from library.models import Book

    with (FOLDER / f"{key}.csv").open("wb") as file:
        write_csv(Book.objects.all(), file)


def fail(key):
    raise Broken("This job always fails.")


def hold(key):
    """Run until the benchmark says that this job may end."""
    while not (FOLDER / f"release-{key}").exists():
        time.sleep(0.02)


JOBS = {"empty": empty, "export": export, "fail": fail, "hold": hold}
