"""What can go wrong, done to step 10: each fault with each runner, five exports at a time; load; bad input.

    python benchmarks/faults.py [faults] [load] [input]

This is the long form of tests/faults and tests/test_bad_input.py of step 10, all three parts unless some are named.
It ends with an error if anything is lost: an export that neither is a right file nor has a reason, a mail that came
twice, or one that was not sent and is not said to be. A part that passes writes its figures to
benchmarks/results/faults.json, beside those of the others.
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
PARTS = {  # the latencies of visitors are measured with nothing beside them
    "faults": ["-n3", "--dist=worksteal", "tests/faults/test_faults.py"],
    "load": ["-n0", "tests/faults/test_load.py"],
    "input": ["-n2", "--dist=worksteal", "tests/test_bad_input.py"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="faults, load or input (default: all three)")
    parser.add_argument("--exports", type=int, default=5, help="for each fault and runner (default: 5)")
    parser.add_argument("--cases", type=int, default=2_500, help="of bad input, in each of four tests (default: 2500)")
    parser.add_argument("-k", help="only these tests, as pytest's option -k has it; nothing is written then")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"There is no part {' '.join(unknown)}. The parts are {', '.join(PARTS)}.")
    failed = [part for part in options.parts or PARTS if not passed(part, options)]
    sys.exit(f"Failed: {', '.join(failed)}." if failed else 0)


def passed(part, options):
    """Run the tests of a part, show its figures and keep them."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        results.touch()
        long = {"FAULTS": options.exports, "FAULTS_RESULTS": results, "CASES": options.cases}
        environment = {**os.environ, **{name: str(value) for name, value in long.items()}}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *PARTS[part]]
        command += ["-k", options.k] if options.k else []
        ended = subprocess.run(command, cwd=find_step("10"), env=environment)
        noted = [json.loads(line) for line in results.read_text().splitlines()]
    figures = {"seconds": round(time.monotonic() - started), **FIGURES[part](noted, options)}
    if ended.returncode == 0 and not options.k:
        keep(part, figures)
    return ended.returncode == 0


def of_faults(noted, options):
    cells = sorted(noted, key=lambda cell: (cell["fault"], cell["runner"]))
    table = Table("fault", "runner", "hit", "done", "failed with a reason")
    for cell in cells:
        numbers = (cell["hit"], cell.get("done", 0), cell.get("failed", 0))
        table.add_row(cell["fault"], cell["runner"], *map(str, numbers))
    Console().print(table)
    figures = {
        "hit": sum(cell["hit"] for cell in cells if "mail" not in cell["fault"]),
        "mails": sum(cell["hit"] for cell in cells if "mail" in cell["fault"]),
        "done": sum(cell.get("done", 0) for cell in cells),
        "failed": sum(cell.get("failed", 0) for cell in cells),
    }
    figures["lost"] = figures["hit"] + figures["mails"] - figures["done"] - figures["failed"]
    print(f"{figures['hit']} exports hit in mid-export, and {figures['mails']} in their mail.")
    return {**figures, "cells": cells}


def of_load(noted, options):
    return {"runs": noted}


def of_input(noted, options):
    return {"cases": options.cases // 5 * (4 * 5 + 2)}  # a fifth of them for each database's stored filters


FIGURES = {"faults": of_faults, "load": of_load, "input": of_input}


def keep(part, figures):
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    kept["machine"] = f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}"
    kept["versions"] = {name: version(name) for name in ("django", "celery", "django-tasks-db", "gunicorn")}
    kept[part] = figures
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
