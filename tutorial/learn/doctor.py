"""`tutorial doctor`: what this machine can run, and how to get what it lacks."""

import os
import platform
import shutil
import sqlite3
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tutorial import UserError
from tutorial.learn import demo as demonstration
from tutorial.site import browser

WSL = "in WSL, as on Debian"
TEST_SETUP = dict.fromkeys(("Debian", "macOS"), "make test-setup") | {
    "Windows": r".venv\Scripts\python -m pip install -c constraints.txt -e .[test,docs]"
}


@dataclass(frozen=True)
class Wanted:
    """Something that steps need: `get` says how to have it on Debian, macOS and Windows."""

    name: str
    found: str  # where, or in which version; "" if it is missing
    needed_for: str
    get: dict
    must: bool = False
    lacks: str = "missing"


def run(console):
    """A line for each. Gives 1 if something is missing that everything needs."""
    everything = list(all_wanted())
    for wanted in everything:
        mark = "[green]✓[/green]" if wanted.found else "[red]✗[/red]" if wanted.must else "[yellow]–[/yellow]"
        says = wanted.found or f"{wanted.lacks}. {wanted.get[system()]}"
        console.print(f"  {mark} {wanted.name:<11} {wanted.needed_for:<40} {says}")
    missing = [wanted.name for wanted in everything if not wanted.found]
    if any(wanted.must and not wanted.found for wanted in everything):
        console.print("\nWhat has a ✗ is needed for everything.", style="red")
        return 1
    if missing:
        console.print("\nEvery demo runs here. Tests that need what is missing are left out, and pytest says so.")
    else:
        console.print("\nEverything runs here.")
    return 0


SERVERS = (  # name, its programs, where its package puts them, what needs it, Debian's package, Homebrew's
    ("nginx", ["nginx"], "/usr/sbin", "tests of steps 02, 03 and 10", "nginx-light", "nginx"),
    ("PostgreSQL", ["postgres"], "/usr/lib/postgresql/*/bin", "tests of steps 02 to 10", "postgresql", "postgresql"),
    ("Redis", ["redis-server"], "/usr/sbin", "tests of steps 06 to 10", "redis-server", "redis"),
    ("RabbitMQ", ["rabbitmq-server"], "/usr/sbin", "tests of steps 06 to 10", "rabbitmq-server", "rabbitmq"),
    ("Chromium", browser.NAMES, "", "tests of pages and of the site", "chromium", "--cask chromium"),
)


def all_wanted():
    """Ten of them, the most needed first."""
    python = platform.python_version() if sys.version_info >= (3, 11) else ""
    install = {
        "Debian": "apt install python3 python3-venv",
        "macOS": "brew install python",
        "Windows": "winget install Python.Python.3.13",
    }
    yield Wanted("Python", python, "all steps: 3.11 or newer", install, must=True)
    library = sqlite3.sqlite_version if sqlite3.sqlite_version_info >= (3, 31) else ""
    yield Wanted("SQLite", library, "all steps: 3.31 or newer", anywhere("A newer Python brings it."), must=True)
    tools = "installed" if has_test_tools() else ""
    yield Wanted("test tools", tools, "tutorial check, make test", TEST_SETUP)
    port = "free" if is_free(8000) else ""
    yield Wanted("port 8000", port, "make demo", anywhere("tutorial demo --port 8001"), lacks="taken")
    server = "" if system() == "Windows" else "runs here"
    yield Wanted("gunicorn", server, "timeouts, signals: tests with servers", anywhere(WSL))
    for name, programs, places, needed_for, debian, brew in SERVERS:
        get = {"Debian": f"apt install {debian}", "macOS": f"brew install {brew}", "Windows": WSL}
        yield Wanted(name, find(programs, places), needed_for, get)


def has_test_tools():
    return all(map(find_spec, ("pytest", "pytest_django", "xdist", "psutil")))


def require_test_tools():
    if not has_test_tools():
        raise UserError(f"The test tools are not installed. Install them: {TEST_SETUP[system()]}")


def anywhere(text):
    return dict.fromkeys(("Debian", "macOS", "Windows"), text)


def find(programs, places):
    """Where the first of these programs is: on the PATH, or where its package puts it."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, Path("/").glob(places.lstrip("/") or "-"))])
    return next(filter(None, (shutil.which(program, path=path) for program in programs)), "")


def is_free(port):
    try:
        demonstration.refuse_taken_port(port)
    except UserError:
        return False
    return True


def system():
    return {"Darwin": "macOS", "Windows": "Windows"}.get(platform.system(), "Debian")
