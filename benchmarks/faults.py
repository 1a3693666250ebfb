"""What can go wrong, done to step 08: each fault with each runner, five exports at a time; load; bad input.

    python benchmarks/faults.py [--exports 5]

This is the long form of tests/faults and tests/test_bad_input.py of step 08. It ends with an error if anything is
lost: an export that neither is a right file nor has a reason, a mail that came twice, or one that was not sent and
is not said to be. The figures are written to benchmarks/results/faults.json.
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exports", type=int, default=5, help="for each fault and runner (default: 5)")
    parser.add_argument("--cases", type=int, default=2_500, help="of bad input, in each of four tests (default: 2500)")
    parser.add_argument("-k", help="only these, as pytest's option -k has it; nothing is written then")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        results.touch()
        long = {"FAULTS": options.exports, "FAULTS_RESULTS": results, "CASES": options.cases}
        environment = {**os.environ, **{name: str(value) for name, value in long.items()}}
        # The visitors' latencies are measured with nothing beside them.
        alone = ["-n0", "tests/faults/test_load.py::test_visitors_are_served_while_exports_are_made"]
        beside = ["-n3", "--dist=worksteal", "tests/faults", "tests/test_bad_input.py", "-k"]
        runs = [alone, [*beside, "not visitors"]] if not options.k else [[*beside, options.k]]
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
        codes = [subprocess.run(command + run, cwd=find_step("08"), env=environment).returncode for run in runs]
        noted = [json.loads(line) for line in results.read_text().splitlines()]
    cells = [each for each in noted if "fault" in each]
    figures = {
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        "versions": {name: version(name) for name in ("django", "celery", "django-tasks-db", "gunicorn")},
        "seconds": round(time.monotonic() - started),
        "hit": sum(cell["hit"] for cell in cells if "mail" not in cell["fault"]),
        "mails": sum(cell["hit"] for cell in cells if "mail" in cell["fault"]),
        "done": sum(cell.get("done", 0) for cell in cells),
        "failed": sum(cell.get("failed", 0) for cell in cells),
        "lost": None if any(codes) else 0,
        "load": [each for each in noted if "load" in each],
        "cases": options.cases // 5 * (4 * 5 + 2),  # a fifth of them for each database's stored filters
        "cells": sorted(cells, key=lambda cell: (cell["fault"], cell["runner"])),
    }
    show(figures)
    if not any(codes) and not options.k:
        path = ROOT / "benchmarks" / "results" / "faults.json"
        path.write_text(json.dumps(figures, indent=1) + "\n")
    sys.exit(max(codes))


def show(figures):
    table = Table("fault", "runner", "hit", "done", "failed with a reason")
    for cell in figures["cells"]:
        numbers = (cell["hit"], cell.get("done", 0), cell.get("failed", 0))
        table.add_row(cell["fault"], cell["runner"], *map(str, numbers))
    Console().print(table)
    hit = f"{figures['hit']} exports hit in mid-export, and {figures['mails']} in their mail"
    print(f"{hit}; lost: {figures['lost']}; {figures['seconds']} s")


if __name__ == "__main__":
    main()
