"""Break something while exports are running: each fault with each backend that this machine can run.

    make faults
    python benchmarks/faults.py [--exports N] [-k EXPRESSION]

This runs tests/test_faults.py of step 11 with all faults, and N exports at a time. If an export is lost, it ends with
an error. Lost is an export that is neither done with a complete file nor failed with a reason, an email that was
sent twice, or an email that was not sent although the page doesn't say so.

All settings are those that a user gets. The tests don't wait for the end of a lease, because that takes minutes. When
nothing changes anymore, they move the times in the database back until something is due. `minutes` in the results is
the time that they have skipped. Celery's workers run one task at a time, so each export has a worker.

The results go to benchmarks/results/faults.json, except with -k.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tutorial import ROOT, find_step

RESULTS = ROOT / "benchmarks" / "results" / "faults.json"
TESTS = ["tests/test_faults.py", "--all", "-n4", "--dist=worksteal", "-p", "no:cacheprovider"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # With the subprocess backend, a site refuses more than EXPORT_MAX_RUNNING exports.
    parser.add_argument("--exports", type=int, default=3, choices=range(1, 5), help="for each fault and backend")
    parser.add_argument("-k", metavar="EXPRESSION", help="run only these tests, as pytest's option -k does")
    options = parser.parse_args()
    started = time.monotonic()
    return_code, cells = run(options)
    show(cells)
    if return_code:
        sys.exit("Some tests failed, so the results were not saved.")
    if not options.k:
        save(cells, options.exports, time.monotonic() - started)


def run(options):
    """Run the tests. Return pytest's exit code, and what each test has noted."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        notes.touch()
        command = [sys.executable, "-m", "pytest", *TESTS, *(["-k", options.k] if options.k else [])]
        env = {**os.environ, "FAULTS": str(options.exports), "FAULTS_RESULTS": str(notes)}
        return_code = subprocess.run(command, cwd=find_step("11"), env=env).returncode
        cells = [json.loads(line) for line in notes.read_text("utf-8").splitlines()]
    return return_code, sorted(cells, key=lambda cell: (cell["fault"], cell["runner"]))


def show(cells):
    columns = ["fault", "runner", "done", "failed", "tries", "emails", "minutes"]
    table = Table(*columns, "email errors")
    for cell in cells:
        table.add_row(*(str(cell.get(column, 0)) for column in columns), ", ".join(cell["email_errors"]))
    Console().print(table)


def save(cells, exports, seconds):
    results = {
        "machine": f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}",
        "versions": {name: version(name) for name in ("django", "celery", "django-tasks-db", "gunicorn")},
        "exports": exports,
        "seconds": round(seconds),
        "cells": cells,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
