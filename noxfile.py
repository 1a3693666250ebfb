"""The steps' tests on every Python and Django that they promise: `nox`.

`nox -l` lists them; `nox -- -m server` runs others. What this machine does not have is left out, and nox
says so. Django 6 needs Python 3.12.
"""

from pathlib import Path

import nox

PYTHONS, DJANGOS = ["3.11", "3.12", "3.13", "3.14"], ["5.2", "6.0", "6.1"]
PAIRS = [(python, django) for python in PYTHONS for django in DJANGOS if django == "5.2" or python != "3.11"]
FAST = "not server and not services and not browser"  # what depends on Django, and on nothing else

nox.options.error_on_missing_interpreters = False


@nox.session
@nox.parametrize("python,django", PAIRS)
def tests(session, django):
    """The tests of all steps that need no server, with the versions of constraints.txt but for Django's."""
    others = [line for line in Path("constraints.txt").read_text().splitlines() if not line.startswith("django==")]
    constraints = Path(session.create_tmp()) / "constraints.txt"
    constraints.write_text("\n".join(others))
    session.install("-c", str(constraints), "-e", ".[test]", f"django=={django}.*")
    session.run("python", "-m", "django", "--version")
    for step in sorted(Path("steps").glob("*/step.toml")):
        with session.chdir(step.parent):
            session.run("python", "-m", "pytest", "-q", "-n2", *(session.posargs or ["-m", FAST]))


@nox.session
def newest(session):
    """The same with the newest release of everything that pyproject.toml allows: what breaks next."""
    session.install("-e", ".[test]")
    for step in sorted(Path("steps").glob("*/step.toml")):
        with session.chdir(step.parent):
            session.run("python", "-m", "pytest", "-q", "-n2", *(session.posargs or ["-m", FAST]))
