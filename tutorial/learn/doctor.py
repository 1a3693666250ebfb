"""`tutorial doctor`: what this machine can run, and how to get what it lacks."""

import os
import platform
import shutil
from importlib.util import find_spec
from pathlib import Path

from tutorial import UserError
from tutorial.options import console
from tutorial.site import browser

# Name, programs, where the package puts them, what needs them, Debian's package, Homebrew's.
SERVERS = (
    ("nginx", ["nginx"], "usr/sbin", "tests of steps 02 and later", "nginx-light", "nginx"),
    ("PostgreSQL", ["postgres"], "usr/lib/postgresql/*/bin", "tests of steps 02 and later", "postgresql", "postgresql"),
    ("Redis", ["redis-server"], "usr/sbin", "tests of steps 06 and later", "redis-server", "redis"),
    ("RabbitMQ", ["rabbitmq-server"], "usr/sbin", "tests of steps 06 and later", "rabbitmq-server", "rabbitmq"),
    ("Chromium", browser.NAMES, "", "tests of pages and of the site", "chromium", "--cask chromium"),
)


def doctor():
    """Show what this machine can run, and how to install what is missing on Debian, macOS and Windows."""
    missing = False
    for name, needed_for, found, get in everything():
        missing = missing or not found
        mark = "[green]✓[/green]" if found else "[yellow]–[/yellow]"
        console.print(f"  {mark} {name:<11} {needed_for:<40} {found or get}")
    left_out = "Every demo runs here. pytest skips the tests that need a missing program, and names them."
    console.print(f"\n{left_out if missing else 'Everything runs here.'}")


def everything():
    """Yield eight things, the most needed first: name, what needs it, what was found here, how to get it."""
    yield "Python", "all steps: 3.11 or newer", platform.python_version(), ""  # an older one can't run this
    tools = all(map(find_spec, ("pytest", "pytest_django", "xdist")))
    yield "test tools", "tutorial check, make test", "installed" if tools else "", f"missing. {test_setup()}"
    gunicorn = "" if os.name == "nt" else "runs here"
    yield "gunicorn", "timeouts, signals: tests with servers", gunicorn, to_install()
    for name, programs, places, needed_for, debian, brew in SERVERS:
        get = to_install(f"apt install {debian}", f"brew install {brew}")
        yield name, needed_for, find(programs, places), get


def to_install(debian="", mac="", windows="in WSL, as on Debian"):
    """Say how to install something on this system."""
    ways = {"Darwin": mac, "Windows": windows}
    return f"missing. {ways.get(platform.system(), debian)}"


def test_setup():
    on_windows = r".venv\Scripts\python -m pip install -c constraints.txt -e .[test,docs]"
    return on_windows if os.name == "nt" else "make test-setup"


def require(*packages):
    """Raise UserError if one of these packages, which only the test tools bring, is not installed."""
    if lacking := [name for name in packages if not find_spec(name)]:
        raise UserError(f"{', '.join(lacking)}: not installed. Install the test tools: {test_setup()}")


def find(programs, places):
    """Where the first of these programs is: on the PATH, or where its package puts it."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, Path("/").glob(places or "-"))])
    return next(filter(None, (shutil.which(program, path=path) for program in programs)), "")
