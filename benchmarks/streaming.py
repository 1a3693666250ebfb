"""Step 03's stream against the usual ways to write it, through the same gunicorn.

    python benchmarks/streaming.py [--books 1000000] [--rounds 3]

All send the same records, which is checked. They run in turns, each time on a new server, and the
medians are printed and written to benchmarks/results/streaming.json.
"""

import argparse
import csv
import hashlib
import io
import json
import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from tutorial import ROOT, find_step
from tutorial.checks import copy_step

# The pattern of Django's how-to "Outputting CSV", with this library's columns: a model object a
# row, a row a yield, through a file that gives back what is written to it. And the next better
# way: columns that the database has formatted, in batches, through Python's csv module.
OTHER_WAYS = """
import csv
import io
from itertools import islice
from django.http import StreamingHttpResponse
from django.urls import include, path
from library.book_csv import HEADER, DateText, PriceText
from library.models import Book


class Echo:
    def write(self, value):
        return value


def rows():
    yield HEADER.split(",")
    for book in Book.objects.select_related("author").order_by("pk").iterator():
        yield [book.title, book.author.name, book.isbn, book.genre, book.language,
               book.published_on, book.pages, book.price]


def howto(request):
    writer = csv.writer(Echo())
    return StreamingHttpResponse((writer.writerow(row) for row in rows()), content_type="text/csv")


def batches():
    columns = Book.objects.order_by("pk").values_list(
        "title", "author__name", "isbn", "genre", "language", DateText("published_on"), "pages", PriceText("price"))
    yield HEADER + "\\r\\n"
    rows = columns.iterator()
    while batch := list(islice(rows, 2_000)):
        text = io.StringIO()
        csv.writer(text).writerows(batch)
        yield text.getvalue().encode()


def columns(request):
    return StreamingHttpResponse(batches(), content_type="text/csv")


urlpatterns = [path("howto/", howto), path("columns/", columns), path("", include("config.urls"))]
"""
SETTINGS = 'from config.settings import *\nROOT_URLCONF = "other_ways"\n'
WAYS = {"Django's how-to": "/howto/", "csv.writer in batches": "/columns/", "step 03": "/books/download/?raw=1"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--books", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "streaming.json")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "step"
        copy_step(find_step("03"), folder)
        (folder / "other_ways.py").write_text(OTHER_WAYS)
        (folder / "other_settings.py").write_text(SETTINGS)
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "other_settings"}
        environment["DATABASE_URL"] = f"sqlite:///{Path(parent) / 'library.sqlite3'}"
        for command in (["migrate", "--verbosity=0"], ["seed_books", str(options.books)]):
            subprocess.run([sys.executable, "manage.py", *command], cwd=folder, env=environment, check=True)
        check_same_records(folder, environment)
        runs = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way, path in WAYS.items():
                runs[way].append(measure(folder, environment, path))
    medians = {way: {key: statistics.median(run[key] for run in each) for key in each[0]} for way, each in runs.items()}
    ratios = {way: run["seconds"] / medians["step 03"]["seconds"] for way, run in medians.items()}
    show(console, options.books, medians, ratios)
    result = {"books": options.books, "machine": machine(), "runs": runs, "medians": medians, "ratios": ratios}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


@contextmanager
def server(folder, environment):
    """Step 03 under gunicorn with its own settings and one worker; gives port and worker."""
    log = folder / "gunicorn.log"
    command = [sys.executable, "-m", "gunicorn", "--bind=127.0.0.1:0", "--workers=1"]
    with log.open("wb") as output:
        process = psutil.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        ready = re.compile(r"Listening at: http://127.0.0.1:(\d+).*Booting worker", re.DOTALL)
        while not (found := ready.search(log.read_text())):
            if process.poll() is not None:
                sys.exit(f"gunicorn did not start: {log.read_text()}")
            time.sleep(0.05)
        yield int(found.group(1)), process.children()[0]
    finally:
        process.terminate()
        process.wait()


def download(port, path):
    """Read the response over HTTP/1.1, like a browser; return seconds to the first byte and to the last."""
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        piece = connection.recv(1 << 20)
        first = time.perf_counter() - started
        if b" 200 " not in piece[:16]:
            sys.exit(f"{path} failed: {piece[:200]!r}")
        tail = b""
        while piece:
            tail = (tail + piece[-5:])[-5:]
            piece = connection.recv(1 << 20)
    if tail != b"0\r\n\r\n":  # the mark that ends a chunked body
        sys.exit(f"{path} was cut off.")
    return first, time.perf_counter() - started


def check_same_records(folder, environment):
    """All ways send the same table, as Python's csv module reads it. (Their quoting differs.)"""
    digests = set()
    for path in WAYS.values():
        digest = hashlib.sha256()
        with server(folder, environment) as (port, _), urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as body:
            for record in csv.reader(io.TextIOWrapper(body, "utf-8", newline="")):
                digest.update("\0".join(record).encode())
        digests.add(digest.hexdigest())
    if len(digests) != 1:
        sys.exit("The ways sent different records.")


def measure(folder, environment, path):
    with server(folder, environment) as (port, worker):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/books/").close()  # the worker has imported all it needs
        peak, over = [0], threading.Event()

        def watch():
            while not over.wait(0.01):
                peak[0] = max(peak[0], worker.memory_info().rss)

        watcher = threading.Thread(target=watch)
        watcher.start()
        before = worker.cpu_times()
        first, seconds = download(port, path)
        after = worker.cpu_times()
        over.set()
        watcher.join()
    cpu = after.user + after.system - before.user - before.system
    return {"seconds": seconds, "first_byte": first, "cpu_seconds": cpu, "peak_bytes": peak[0]}


def machine():
    packages = {name: version(name) for name in ("django", "gunicorn")}
    return {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system(), **packages}


def show(console, books, medians, ratios):
    table = Table("", "rows/s", "first byte", "whole file", "CPU", "peak memory", title=f"{books:,} books as CSV")
    for way, run in medians.items():
        table.add_row(
            way,
            f"{books / run['seconds']:,.0f}",
            f"{run['first_byte'] * 1000:.0f} ms",
            f"{run['seconds']:.2f} s",
            f"{run['cpu_seconds']:.2f} s",
            f"{run['peak_bytes'] / 1e6:.0f} MB",
        )
    console.print(table)
    howto = ratios["Django's how-to"]
    console.print(f"Step 03 is {howto:.1f} times as fast as Django's how-to.")


if __name__ == "__main__":
    main()
