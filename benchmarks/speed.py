"""How fast can it go: all ways from the table to the reader, in turns, on the same rows.

    python benchmarks/speed.py [--books 1000000] [--rounds 3]

Each way writes a file, or sends it through gunicorn to a client. Our own ways must give the same bytes, and
the others the same records, or it ends with an error. What needs more than 4 seconds is not repeated. More
sizes than one are measured one after the other (--books 10000 100000 1000000), and with ten million books only
the fast ways run. The figures go to benchmarks/results/speed.json.
"""

import argparse
import csv
import hashlib
import importlib.util
import json
import shutil
import sqlite3
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

import around
from measure import download, machine, run, summary
from tutorial import find_step
from tutorial.repo.step_changes import copy_step

BENCHMARKS = Path(__file__).resolve().parent
RESULTS = BENCHMARKS / "results" / "speed.json"
SLOW = 4  # seconds
LARGE = 2_000_000  # books, from which on only the fast ways run

QUERY = """
    SELECT title, name AS author, isbn, genre, language, published_on, pages, {price} AS price
    FROM library_book JOIN library_author ON library_author.id = author_id ORDER BY library_book.id
"""
URLS = """
from importlib import import_module
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import include, path


def view(request, way):
    return StreamingHttpResponse(import_module(f"ladder.{way}").chunks(), content_type="text/csv")


def whole(request, way):
    return HttpResponse(import_module(f"ladder.{way}").chunks(), content_type="text/csv")


urlpatterns = [path("ladder/<way>/", view), path("whole/<way>/", whole), path("", include("config.urls"))]
"""
SETTINGS = 'from config.settings import *\nROOT_URLCONF = "ladder_urls"\n'


SQL = "from django.db import connection; connection.cursor().execute('{}')"
SETTLE = {"sqlite": SQL.format("PRAGMA wal_checkpoint(TRUNCATE)"), "postgresql": SQL.format("VACUUM ANALYZE")}


@dataclass(frozen=True)
class Way:
    """One way to get the file: what it is called here, where it runs, and how."""

    name: str
    kind: str  # "file": a module of ladder; "shell": the database's; "http": through gunicorn
    database: str  # sqlite or postgresql
    source: str = ""  # of a file: the module; of http: the path
    fast: bool = False  # also runs with ten million books
    ours: bool = False  # gives the same bytes as all of ours

    @property
    def key(self):
        return f"{self.name}, {self.kind}, {self.database}"


LADDER = ["howto", "columns", "batches", "formatted", "lines", "native"]
OURS = {"lines", "native"}
STREAM = "/books/download/?raw=1"
WAYS = [
    *[Way(name, "file", "sqlite", name, fast=name in OURS, ours=name in OURS) for name in LADDER],
    *[Way("pipes", "file", database, "pipes", ours=True) for database in ("sqlite", "postgresql")],
    Way("import_export", "file", "sqlite", "import_export"),
    Way("in_memory", "file", "sqlite", "in_memory"),
    Way("pyarrow", "file", "sqlite", "pyarrow_csv"),
    Way("shell", "shell", "sqlite", fast=True),
    *[Way(name, "http", "sqlite", f"/ladder/{name}/") for name in LADDER[:4]],
    Way("streamed", "http", "sqlite", STREAM, fast=True, ours=True),
    Way("blocking", "http", "sqlite", "/whole/blocking/", ours=True),
    *[Way(name, "file", "postgresql", name, fast=name in OURS, ours=name in OURS) for name in LADDER],
    Way("copy", "file", "postgresql", "copy", ours=True),
    Way("shell", "shell", "postgresql", fast=True),
    Way("streamed", "http", "postgresql", STREAM, fast=True, ours=True),
    Way("in_transaction", "http", "postgresql", "/ladder/in_transaction/", fast=True, ours=True),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--books", type=int, nargs="+", default=[1_000_000], metavar="COUNT")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way runs (default: 3)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only ways with TEXT in their names")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    sizes, beside = {}, {}
    middle = max((books for books in options.books if books < LARGE), default=min(options.books))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ways = [way for way in WAYS if options.only in way.key]
        house = House(Path(folder), stack, console, {way.database for way in ways})
        ways = [way for way in ways if house.can(way)]
        for books in sorted(options.books):
            house.grow(books)
            chosen = [way for way in ways if way.fast or books < LARGE]
            sizes[str(books)] = measured = measure(house, chosen, options.rounds)
            show(console, books, measured)
            if books == middle and not options.only:
                beside = around.measure(house, options.rounds)
                around.show(console, beside)
        result = {"machine": house.machine(), "rounds": options.rounds, "sizes": sizes, **beside}
    before = json.loads(options.output.read_text("utf-8")) if options.output.exists() else {}
    if before.get("machine") == result["machine"]:  # what was not measured now stays as it was
        for books, measured in before["sizes"].items():
            sizes[books] = {**measured, **sizes.get(books, {})}
        result = {**before, **result}
    options.output.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


class House:
    """The folders, the databases and the servers of a run."""

    def __init__(self, folder, stack, console, needed):
        self.folder, self.console, self.books = folder, console, 0
        self.step = folder / "step10"
        copy_step(find_step("10"), self.step)
        (self.step / "ladder_urls.py").write_text(URLS)
        (self.step / "ladder_settings.py").write_text(SETTINGS)
        self.servers = load(find_step("10") / "tests" / "servers.py")
        self.databases = {"sqlite": f"sqlite:///{folder / 'library.sqlite3'}"} if "sqlite" in needed else {}
        if "postgresql" in needed:
            if shutil.which("psql") and (
                shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
            ):
                self.databases["postgresql"] = stack.enter_context(self.servers.postgresql())
            else:
                console.print("PostgreSQL is left out: it is not installed.")
        for database in self.databases:
            self.manage(database, "migrate", "--verbosity=0")

    def can(self, way):
        if way.source == "pyarrow_csv" and not importlib.util.find_spec("pyarrow"):
            self.console.print("pyarrow's writer is left out: pyarrow is not installed.")
            return False
        if (way.kind, way.database) == ("shell", "sqlite") and not shutil.which("sqlite3"):
            self.console.print("SQLite's shell is left out: the program sqlite3 is not installed.")
            return False
        return way.database in self.databases

    def environment(self, database):
        return {
            **self.servers.environment(self.databases[database]),
            "PYTHONPATH": str(BENCHMARKS),
            "DATA_DIR": str(self.folder / "data"),
        }

    def manage(self, database, *arguments):
        """Run a command of the step and give what `run` of measure.py gives."""
        command = [sys.executable, "manage.py", *map(str, arguments)]
        return run(command, cwd=self.step, env=self.environment(database))

    def grow(self, books):
        """Fill both libraries up to so many books, and note how long the last ones took."""
        more = books - self.books
        self.seeded = {database: self.manage(database, "seed_books", more)[1] for database in self.databases}
        # What a database does some time after so many writes, now; or the first ways would be measured with it.
        for database in self.databases:
            self.manage(database, "shell", "--verbosity=0", "-c", SETTLE[database])
        self.seeded = {"books": more, **self.seeded}
        self.books = books

    def gunicorn(self, database, settings="config.settings"):
        options = {"settings": settings, "variables": {"PYTHONPATH": str(BENCHMARKS)}, "folder": self.step}
        log = self.folder / "gunicorn.log"
        return self.servers.gunicorn(self.databases[database], log, "--timeout=0", **options)

    def machine(self):
        sqlite = sqlite3.sqlite_version
        shells = {"sqlite3": ["sqlite3", "--version"], "psql": ["psql", "--version"]}
        said = {name: run(command)[0].decode().split() for name, command in shells.items() if shutil.which(name)}
        versions = {name: words[2] if name == "psql" else words[0] for name, words in said.items()}
        packages = ["django", "gunicorn", "psycopg", "adbc-driver-sqlite", "nanoarrow", "django-import-export"]
        return {**machine(*packages), "sqlite": sqlite, **{f"{name} (shell)": text for name, text in versions.items()}}


def load(path):
    specification = importlib.util.spec_from_file_location("servers", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules["servers"] = module
    specification.loader.exec_module(module)
    return module


def measure(house, ways, rounds):
    """All ways in turns; the files of the first round are compared."""
    runs, seen = {way.key: [] for way in ways}, {"records": {}, "ours": set()}
    for turn in range(rounds):
        for way in ways:
            if turn and runs[way.key][0]["seconds"] > SLOW:
                continue
            file = house.folder / "books.csv"
            runs[way.key].append(RUN[way.kind](house, way, file))
            if turn == 0:
                if way.kind == "http":
                    fetch(house, way, file)
                compare(way, file, **seen)
            file.unlink(missing_ok=True)
    return {key: summary(each) for key, each in runs.items()}


def to_file(house, way, file):
    command = [sys.executable, BENCHMARKS / "run_way.py", way.source, file]
    said, figures = run(command, cwd=house.step, env=house.environment(way.database))
    return {**figures, **json.loads(said)}


def by_shell(house, way, file):
    if way.database == "sqlite":
        query = QUERY.format(price="printf('%.2f', price)")
        command = ["sqlite3", "-readonly", "-csv", "-header", house.folder / "library.sqlite3", query]
        with file.open("wb") as output:
            return run_into(command, output)
    query = " ".join(QUERY.format(price="price").split())
    copy = f"\\copy ({query}) TO '{file}' WITH (FORMAT csv, HEADER)"
    return run(["psql", "--quiet", "--no-psqlrc", house.databases["postgresql"], "-c", copy])[1]


def run_into(command, output):
    # A shell of the database's writes to its standard output, and that is a file here, not a pipe.
    return run(["sh", "-c", 'exec "$@" > "$0"', output.name, *map(str, command)])[1]


def through_gunicorn(house, way, file):
    with house.gunicorn(way.database, "ladder_settings") as site:
        site.get("/books/")  # the worker has imported all that it needs
        return download(site, way.source)


RUN = {"file": to_file, "shell": by_shell, "http": through_gunicorn}


def fetch(house, way, file):
    """Once more, by a client that takes the chunks apart."""
    with house.gunicorn(way.database, "ladder_settings") as site, file.open("wb") as output:
        with urllib.request.urlopen(f"http://127.0.0.1:{site.port}{way.source}") as response:
            shutil.copyfileobj(response, output, 1 << 20)


def compare(way, file, records, ours):
    """Ours have the same bytes; and all have the same records, as Python's csv module reads them."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest not in records:
        records[digest] = digest_of_records(file)
    if way.ours:
        ours.add(digest)
    if len(set(records.values())) > 1:
        sys.exit(f"{way.key} gave other records than the ways before it.")
    if len(ours) > 1:
        sys.exit(f"{way.key} gave other bytes than our ways before it.")


def digest_of_records(file):
    digest = hashlib.sha256()
    with file.open(encoding="utf-8", newline="") as text:
        for record in csv.reader(text):
            digest.update(("\0".join(record) + "\n").encode())
    return digest.hexdigest()


def show(console, books, measured):
    columns = ["", "rows/s", "seconds", "first byte", "CPU", "peak memory"]
    table = Table(
        *columns, title=f"{books:,} books as CSV (medians; least and most; CPU and memory without PostgreSQL's)"
    )
    for key, each in measured.items():
        first = f"{each['first_byte'] * 1000:.0f} ms" if each["first_byte"] else ""
        spread = f"{each['seconds']:.2f} ({each['least']:.2f}–{each['most']:.2f})"
        cpu, peak = f"{each['cpu_seconds']:.2f} s", f"{each['peak_bytes'] / 1e6:.0f} MB"
        table.add_row(key, f"{books / each['seconds']:,.0f}", spread, first, cpu, peak)
    console.print(table)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped. Nothing was kept.")
