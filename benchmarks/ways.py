"""Measure when the user gets an answer, and when the file is there, with each approach of part 1.

    python benchmarks/ways.py [--books 1000000 4000000] [--rounds 3]

Each round runs the demo of each step in turns, with gunicorn's default timeout. With four million books, this timeout
ends the download of step 02. The results go to benchmarks/results/ways.json, and from there into the picture of the
home page.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

from measure import machine
from tutorial import find_step
from tutorial.site.record import free_port, running

RESULTS = Path(__file__).resolve().parent / "results" / "ways.json"
TIMEOUT = 30  # seconds: gunicorn's default
PATIENCE = 600  # seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--books", type=int, nargs="+", default=[1_000_000, 4_000_000], metavar="COUNT")
    parser.add_argument("--rounds", type=int, default=3, help="how often each approach runs (default: 3)")
    parser.add_argument("--timeout", type=int, default=TIMEOUT, help="gunicorn's timeout (default: its own)")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    sizes = {str(books): measure(books, options) for books in options.books}
    result = {"machine": machine("django", "gunicorn", "celery"), "timeout": options.timeout, "sizes": sizes}
    options.output.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def measure(books, options):
    """Return the seconds of each round, and their medians. An approach ends in an error in each round or in none."""
    rounds = {step: [] for step in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for step, way in WAYS.items():
                with demo(step, Path(folder).resolve(), books, options.timeout) as (address, data):
                    rounds[step].append(way(address, data))
                print(f"{books:,} books, round {number + 1}, step {step}: {rounds[step][-1]}", file=sys.stderr)
    for step, runs in rounds.items():
        if any(run.keys() != runs[0].keys() for run in runs):
            sys.exit(f"Step {step} ended in an error in some rounds only: {runs}")
    medians = {
        step: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for step, runs in rounds.items()
    }
    return {"rounds": rounds, "median": medians}


@contextmanager
def demo(step, folder, books, timeout):
    """Run the demo of a step. Yield its address, and the folder of its data."""
    name, port = find_step(step).name, free_port()
    database = folder / f"{name}-{books}.sqlite3"
    if not database.exists() and (seeded := sorted(folder.glob(f"*-{books}.sqlite3"))):
        shutil.copy(seeded[0], database)  # the tables of the library are the same in each step
    command = [sys.executable, "-m", "tutorial.cli", "demo", step, f"--books={books}", f"--port={port}"]
    with running([*command, f"--folder={folder}", f"--timeout={timeout}"]):
        address = f"http://127.0.0.1:{port}"
        httpx.get(f"{address}/books/", timeout=PATIENCE)  # the worker has imported what it needs
        yield address, folder / f"{name}-data"


def download(address, _):
    """Return the seconds until the first byte and until the last byte, or until the error."""
    began, first = time.perf_counter(), None
    try:
        with httpx.stream("GET", f"{address}/books/download/", timeout=PATIENCE) as response:
            response.raise_for_status()
            for _ in response.iter_raw():
                first = first or time.perf_counter() - began
    except (httpx.HTTPStatusError, httpx.RemoteProtocolError, httpx.ReadError):  # gunicorn has killed the worker
        return {"error": time.perf_counter() - began}
    return {"answer": first, "file": time.perf_counter() - began}


def export(address, data):
    """Return the seconds until the view has answered, and until the email has been sent."""
    with httpx.Client(base_url=address, timeout=PATIENCE, follow_redirects=True) as client:
        page = client.get("/exports/new/")
        login = {"username": "demo", "password": "demo", "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        client.post(page.url, data=login).raise_for_status()
        before, began = emails(data), time.perf_counter()
        form = {"csrfmiddlewaretoken": client.cookies["csrftoken"]}
        response = client.post("/exports/new/", data=form)
        answer = time.perf_counter() - began
    if response.status_code != 202:
        sys.exit(f"{response.url} answered {response.status_code}.")
    while emails(data) == before:
        if time.perf_counter() - began > PATIENCE:
            sys.exit("No email was sent.")
        time.sleep(0.005)
    return {"answer": answer, "file": time.perf_counter() - began}


def emails(data):
    return sum(file.read_bytes().count(b"\nMessage-ID:") for file in (data / "mail").glob("*"))


WAYS = {"02": download, "03": download, "05": export, "06": export}


if __name__ == "__main__":
    main()
