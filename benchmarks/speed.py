"""Measure the ways to export the books as CSV, one after the other, on the same books.

    python benchmarks/speed.py [--books 10000 100000 1000000 10000000] [--rounds 3]

The files of ways that should give the same bytes are compared, and those of other ways have to contain the same rows.
In each round, all ways run. A way that needs more than 20 seconds runs in the first round only, unless it is a
download. With several sizes, the library grows from one to the next, and from two million books on, only the fast ways
run. The results go to benchmarks/results/speed.json.
"""

import argparse
import csv
import hashlib
import importlib.util
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
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
SIZES = [10_000, 100_000, 1_000_000, 10_000_000]  # books: those of the site
SLOW = 20  # seconds
LARGE = 2_000_000  # books, from which on only the fast ways run

QUERY = """
    SELECT title, name AS author, isbn, genre, language, published_on, pages, {price} AS price
    FROM library_book JOIN library_author ON library_author.id = author_id ORDER BY library_book.id
"""
URLS = """
from importlib import import_module
from django.http import StreamingHttpResponse
from django.urls import include, path


def view(request, way):
    return StreamingHttpResponse(import_module(f"ladder.{way}").chunks(), content_type="text/csv")


urlpatterns = [path("ladder/<way>/", view), path("", include("config.urls"))]
"""
SETTINGS = 'from config.settings import *\nROOT_URLCONF = "ladder_urls"\n'

SQL = "from django.db import connection; connection.cursor().execute('{}')"
SETTLE = {"sqlite": SQL.format("PRAGMA wal_checkpoint(TRUNCATE)"), "postgresql": SQL.format("VACUUM ANALYZE")}


@dataclass(frozen=True)
class Way:
    """A way to get the file."""

    name: str
    kind: str  # file: a module of ladder; command: export_books of step 11; shell: the database's; http: by gunicorn; C
    database: str  # sqlite or postgresql
    source: str = ""  # of a file: the module; of a command: its options; of http: step and path
    # raw or escaped: the same bytes as all ways with this word; rows: the same rows as raw ones; none: no file
    content: str = "rows"
    fast: bool = False  # also runs with ten million books
    repeat: bool = False  # runs in each round, however slow it is
    server: str = ""  # options of the connection to PostgreSQL, as in PGOPTIONS

    @property
    def key(self):
        return f"{self.name}, {self.kind}, {self.database}"


LADDER = ["howto", "columns", "batches", "formatted"]
DATABASES = ["sqlite", "postgresql"]


def ours(database):
    """Return the last rungs of the ladder. Only "native, escaped" escapes formulas."""
    for name in ("lines", "native"):
        yield Way(name, "file", database, name, "raw", fast=True)
    yield Way("native escaped", "file", database, "native.escaped", "escaped", fast=True)


def engines(database):
    """Return the commands export_books with each engine, with and without escaped formulas."""
    for engine in ("orm", "native"):
        yield Way(engine, "command", database, f"--engine={engine}", "escaped", fast=True)
        yield Way(f"{engine} --raw", "command", database, f"--engine={engine} --raw", "raw", fast=True)


WAYS = [
    Way("howto", "http", "sqlite", "03 /ladder/howto/", repeat=True),
    *[
        Way(f"step {step}", "http", "sqlite", f"{step} /books/download/", "escaped", step == "11", True)
        for step in ("02", "03", "11")
    ],
    Way("walk", "C", "sqlite", content="none", fast=True),
    Way("limit", "C", "sqlite", content="raw", fast=True),
    Way("shell", "shell", "sqlite", fast=True),
    *engines("sqlite"),
    *ours("sqlite"),
    *[Way(name, "file", "sqlite", name) for name in LADDER],
    Way("import_export", "file", "sqlite", "import_export"),
    *[
        Way(f"step {step}", "http", "postgresql", f"{step} /books/download/", "escaped", step == "11", True)
        for step in ("03", "11")
    ],
    Way("shell", "shell", "postgresql", fast=True),
    *engines("postgresql"),
    *ours("postgresql"),
    *[Way(name, "file", "postgresql", name) for name in LADDER],
    Way("copy", "file", "postgresql", "copy", "raw"),
    Way("copy csv", "file", "postgresql", "copy.csv", "raw"),
    Way("copy csv escaped", "file", "postgresql", "copy.csv_escaped", "escaped"),
    *[
        Way(f"{name} parallel", "file", "postgresql", name, "raw", server=around.FREE_WORKERS)
        for name in ("native", "copy")
    ],
    Way("postgres_copy", "file", "postgresql", "postgres_copy.write"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--books", type=int, nargs="+", default=SIZES, metavar="COUNT")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way runs (default: 3)")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only ways with TEXT in their names, or with one of TEXT|TEXT"
    )
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    sizes, beside = {}, {}
    middle = max((books for books in options.books if books < LARGE), default=min(options.books))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ways = [way for way in WAYS if any(text in way.key for text in options.only.split("|"))]
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
            save({"machine": house.machine(), "rounds": options.rounds, "sizes": sizes, **beside}, options.output)


def save(result, output):
    """Write the results after each size, because an error with a larger one should not lose them."""
    before = json.loads(output.read_text("utf-8")) if output.exists() else {}
    output.write_text(json.dumps(merged(before, result), indent=1) + "\n", "utf-8")


def merged(before, result):
    """Keep what was not measured now, if it is of the same machine."""
    if not before or before["machine"] != {name: result["machine"].get(name) for name in before["machine"]}:
        return result
    sizes = before["sizes"] | {books: before["sizes"].get(books, {}) | ways for books, ways in result["sizes"].items()}
    return before | result | {"sizes": sizes}


class House:
    """The folders, the databases and the servers of a run."""

    def __init__(self, folder, stack, console, needed):
        self.folder, self.console, self.books = folder, console, 0
        self.steps = {number: folder / f"step{number}" for number in ("02", "03", "10", "11")}
        for number, step in self.steps.items():
            copy_step(find_step(number), step)
        (self.steps["03"] / "ladder_urls.py").write_text(URLS)
        (self.steps["03"] / "ladder_settings.py").write_text(SETTINGS)
        self.servers = load(find_step("11") / "tests" / "servers.py")
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
        self.limit = folder / "limit"
        if shutil.which("cc"):
            compiler = ["cc", "-O2", "-o", self.limit, BENCHMARKS / "ladder" / "limit.c", "-lsqlite3"]
            subprocess.run(compiler, capture_output=True)

    def can(self, way):
        if way.kind == "C" and not self.limit.exists():
            self.console.print(f"{way.key} is left out: it needs a C compiler and sqlite3.h.")
            return False
        program = {("shell", "sqlite"): "sqlite3", ("http", way.database): "curl"}.get((way.kind, way.database))
        if program and not shutil.which(program):
            self.console.print(f"{way.key} is left out: the program {program} is not installed.")
            return False
        return way.database in self.databases

    def environment(self, database):
        return {
            **self.servers.environment(self.databases[database]),
            "PYTHONPATH": str(BENCHMARKS),
            "DATA_DIR": str(self.folder / "data"),
        }

    def manage(self, database, *arguments, step="11", server=""):
        """Run a command of a step, and return its output and its figures."""
        command = [sys.executable, "manage.py", *map(str, arguments)]
        return run(command, cwd=self.steps[step], env={**self.environment(database), "PGOPTIONS": server})

    def grow(self, books):
        """Add books to each library until it has this many, and keep the time that this takes."""
        more = books - self.books
        self.seeded = {database: self.manage(database, "seed_books", more)[1] for database in self.databases}
        # A database tidies up after so many writes. If it did so later, it would slow down the first ways.
        for database in self.databases:
            self.manage(database, "shell", "--verbosity=0", "-c", SETTLE[database])
        self.seeded = {"books": more, **self.seeded}
        self.books = books

    def gunicorn(self, step, database):
        settings = "ladder_settings" if step == "03" else "config.settings"
        options = {"settings": settings, "variables": {"PYTHONPATH": str(BENCHMARKS)}, "folder": self.steps[step]}
        log = self.folder / "gunicorn.log"
        return self.servers.gunicorn(self.databases[database], log, "--timeout=0", **options)

    def machine(self):
        sqlite = sqlite3.sqlite_version
        shells = {"sqlite3": ["sqlite3", "--version"], "psql": ["psql", "--version"]}
        said = {name: run(command)[0].decode().split() for name, command in shells.items() if shutil.which(name)}
        versions = {name: words[2] if name == "psql" else words[0] for name, words in said.items()}
        packages = ["django", "gunicorn", "psycopg", "adbc-driver-sqlite", "nanoarrow"]
        packages += ["django-import-export", "django-postgres-copy"]
        return {**machine(*packages), "sqlite": sqlite, **{f"{name} (shell)": text for name, text in versions.items()}}


def load(path):
    specification = importlib.util.spec_from_file_location("servers", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules["servers"] = module
    specification.loader.exec_module(module)
    return module


def measure(house, ways, rounds):
    """Run all ways in each round, and compare the files of the first round."""
    runs, seen = {way.key: [] for way in ways}, {}
    for number in range(rounds):
        for way in ways:
            if number and runs[way.key][0]["seconds"] > SLOW and not way.repeat:
                continue
            file = house.folder / "books.csv"
            runs[way.key].append(RUN[way.kind](house, way, file))
            house.console.print(f"{number + 1}/{rounds} {way.key}: {runs[way.key][-1]['seconds']:.2f} s")
            if number == 0:
                compare(way, file, seen)
            file.unlink(missing_ok=True)
    return {key: summary(each) for key, each in runs.items()}


def to_file(house, way, file):
    command = [sys.executable, BENCHMARKS / "run_way.py", way.source, file]
    environment = {**house.environment(way.database), "PGOPTIONS": way.server}
    said, figures = run(command, cwd=house.steps["11"], env=environment)
    return {**figures, **json.loads(said)}


def in_c(house, way, file):
    command = [house.limit, house.folder / "library.sqlite3", QUERY.format(price="price")]
    said, figures = run([*command, *([file] if way.content == "raw" else [])])
    if int(said) != house.books:
        sys.exit(f"{way.key} found {said.decode().strip()} books.")
    return figures


def by_command(house, way, file):
    return house.manage(way.database, "export_books", "--verbosity=0", "-o", file, *way.source.split())[1]


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
    # The standard output of the database's shell is a file here, and not a pipe.
    return run(["sh", "-c", 'exec "$@" > "$0"', output.name, *map(str, command)])[1]


def through_gunicorn(house, way, file):
    step, path = way.source.split()
    with house.gunicorn(step, way.database) as site:
        site.get("/books/")  # the worker imports everything that it needs
        return download(site, path, file)


RUN = {"file": to_file, "command": by_command, "shell": by_shell, "http": through_gunicorn, "C": in_c}


def compare(way, file, seen):
    """End with an error if the file differs from those of other ways in its bytes or its rows."""
    if way.content == "none":
        return
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if way.content != "rows" and seen.setdefault(way.content, digest) != digest:
        sys.exit(f"{way.key} gave other bytes than the ways before it.")
    if way.content == "escaped":
        return
    rows = seen.setdefault("digests", {})
    if digest not in rows:
        rows[digest] = digest_of_records(file)
    if len(set(rows.values())) > 1:
        sys.exit(f"{way.key} gave other rows than the ways before it.")


def digest_of_records(file):
    digest = hashlib.sha256()
    with file.open(encoding="utf-8", newline="") as text:
        for record in csv.reader(text):
            digest.update(("\0".join(record) + "\n").encode())
    return digest.hexdigest()


def show(console, books, measured):
    columns = ["", "books/s", "seconds", "first byte", "CPU", "peak memory"]
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
        sys.exit("Stopped. The results of the sizes that were complete are saved.")
