"""Measure seeding, the start of a command, whole commands and the list page, and ask for PostgreSQL's plans."""

import re
import statistics
import sys
import time

from rich.table import Table

from measure import run, summary

ONE_BY_ONE = """
import time
from library.factories import BookFactory
from library.models import Book
BookFactory.reset_sequence(90_000_000)  # far from the numbers of seed_books
started = time.perf_counter()
created = [BookFactory.create().pk for _ in range(500)]
print(500 / (time.perf_counter() - started))
Book.objects.filter(pk__in=created).delete()  # the library of the next size has to have its number of books
"""
EXPORT = """
from django.contrib.auth.models import User
from exports.models import Export
reader, _ = User.objects.get_or_create(username="bench", email="bench@example.com")
print(Export.objects.create(owner=reader, filters={"q": "no such book"}).pk)
"""
# The planner believes that parallel workers cost nothing. Otherwise it uses none for a query that returns all rows.
FREE_WORKERS = "-c parallel_setup_cost=0 -c parallel_tuple_cost=0"
PLAN = """
from library.csv_lines import book_lines
from library.models import Book
print(book_lines(Book.objects.all(), raw=True).explain())
"""
# A project with one command, which does nothing.
NOOP = {
    "manage.py": """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
""",
    "settings.py": "INSTALLED_APPS = ['bare']\n",
    "bare/__init__.py": "",
    "bare/management/__init__.py": "",
    "bare/management/commands/__init__.py": "",
    "bare/management/commands/noop.py": """
from django.core.management.base import BaseCommand

class Command(BaseCommand):
    requires_system_checks = []

    def handle(self, **options):
        pass
""",
}
STARTS = 10
COMMANDS = {
    "step 10": ("10", []),
    "step 11, orm": ("11", ["--engine=orm"]),
    "step 11, native": ("11", ["--engine=native"]),
    "zip": ("11", ["--compress=zip"]),
    "gzip": ("11", ["--compress=gzip"]),
    "zstd": ("11", ["--compress=zstd"]),
}
PAGES = ["/books/", "/books/?genre=novel", "/books/?q=garden", "/books/?q=no+such+book"]


def measure(house, rounds):
    return {
        "books": house.books,
        "seeding": seeding(house),
        "starts": starts(house),
        "commands": commands(house, rounds),
        "pages": pages(house),
        "workers": workers(house),
    }


def seeding(house):
    """Return the books per second of seed_books, and of the factory's create() one by one."""
    one_by_one = float(house.manage("sqlite", "shell", "--verbosity=0", "-c", ONE_BY_ONE)[0])
    speeds = {name: house.seeded["books"] / house.seeded[name]["seconds"] for name in house.databases}
    return {"books": house.seeded["books"], "seed_books": speeds, "create": one_by_one}


def starts(house):
    """Return the seconds of a command that does nothing, and of run_task with an export that has already ended."""
    bare = house.folder / "bare"
    for name, text in NOOP.items():
        (bare / name).parent.mkdir(parents=True, exist_ok=True)
        (bare / name).write_text(text)
    for name in ("__init__", "noop"):  # also in the step, with all its apps
        commands = house.steps["11"] / "exports" / "management" / "commands"
        commands.joinpath(f"{name}.py").write_text(NOOP[f"bare/management/commands/{name}.py"])
    export = house.manage("sqlite", "shell", "--verbosity=0", "-c", EXPORT)[0].decode().strip()
    task = ["run_task", "exports.tasks.run_export", f'[["{export}"], {{}}]']
    house.manage("sqlite", *task)
    environment = {**house.environment("sqlite"), "PYTHONDONTWRITEBYTECODE": ""}
    ways = {
        "bare no-op": (bare, ["noop"]),
        "no-op in step 11": (house.steps["11"], ["noop"]),
        "run_task in step 11": (house.steps["11"], task),
    }
    runs = {name: [] for name in ways}
    for _ in range(STARTS + 1):
        for name, (folder, arguments) in ways.items():
            runs[name].append(run([sys.executable, "manage.py", *arguments], cwd=folder, env=environment)[1])
    return {name: summary(each[1:]) for name, each in runs.items()}  # the first one compiles the modules


def commands(house, rounds):
    """Return the figures of export_books as a whole, with the start of Python and Django."""
    runs = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, (step, options) in COMMANDS.items():
            file = house.folder / "packed"
            run_ = house.manage("sqlite", "export_books", "--verbosity=0", "-o", file, *options, step=step)[1]
            runs[name].append({**run_, "bytes": file.stat().st_size})
            file.unlink()
    return {name: summary(each) for name, each in runs.items()}


def pages(house):
    """Return the seconds until the list page is there, through gunicorn."""
    with house.gunicorn("11", "sqlite") as site:
        return {path: page(site, path) for path in PAGES}


def workers(house):
    """Return how many workers PostgreSQL plans for the query, as it is and if they cost nothing."""
    plans = {"default": "", "free": FREE_WORKERS} if "postgresql" in house.databases else {}
    for name, server in plans.items():
        plan = house.manage("postgresql", "shell", "--verbosity=0", "-c", PLAN, server=server)[0].decode()
        plans[name] = sum(map(int, re.findall(r"Workers Planned: (\d+)", plan)))
    return plans


def page(site, path):
    taken = []
    for _ in range(6):
        started = time.perf_counter()
        status, _ = site.get(path)
        taken.append(time.perf_counter() - started)
        if status != 200:
            sys.exit(f"{path} is a {status}.")
    return statistics.median(taken[1:])


def show(console, around):
    seeding = around["seeding"]
    table = Table("", "", title="Around the rows")
    for name, speed in seeding["seed_books"].items():
        ratio = speed / seeding["create"]
        table.add_row(f"seed_books, {name}", f"{speed:,.0f} books/s, {ratio:.0f} times create()")
    for name, each in around["starts"].items():
        ratio = each["seconds"] / around["starts"]["bare no-op"]["seconds"]
        table.add_row(name, f"{each['seconds'] * 1000:.0f} ms, {ratio:.2f} times the bare one")
    for name, each in around["commands"].items():
        table.add_row(f"export_books, {name}", f"{each['seconds']:.2f} s, {each['bytes'] / 1e6:.1f} MB")
    for path, seconds in around["pages"].items():
        table.add_row(path, f"{seconds * 1000:.0f} ms")
    for name, count in around["workers"].items():
        table.add_row(f"parallel workers, {name}", str(count))
    console.print(table)
