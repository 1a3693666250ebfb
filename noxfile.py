"""Run the steps' tests on every supported pair of Python and Django: `nox`.

`nox -l` lists the pairs, and `nox -- -m server` runs the server tests. nox skips a Python that this machine doesn't
have, and says so. Django 6 needs Python 3.12.
"""

from pathlib import Path

import nox

PYTHONS, DJANGOS = ["3.11", "3.12", "3.13", "3.14"], ["5.2", "6.0", "6.1"]
PAIRS = [(python, django) for python in PYTHONS for django in DJANGOS if django == "5.2" or python != "3.11"]
FAST = "not server and not services and not browser"  # tests that depend on Django only

nox.options.error_on_missing_interpreters = False


def run_steps(session):
    session.run("python", "-m", "pytest", "steps", "-q", "-n3", *(session.posargs or ["-m", FAST]))


@nox.session
@nox.parametrize("python,django", PAIRS)
def tests(session, django):
    """Test all steps without servers, with the versions of constraints.txt except Django's."""
    others = [line for line in Path("constraints.txt").read_text().splitlines() if not line.startswith("django==")]
    constraints = Path(session.create_tmp()) / "constraints.txt"
    constraints.write_text("\n".join(others))
    session.install("-c", str(constraints), "-e", ".[test]", f"django=={django}.*")
    session.run("python", "-m", "django", "--version")
    run_steps(session)


@nox.session
def newest(session):
    """Test them with the newest releases that pyproject.toml allows, to see early what will break."""
    session.install("-e", ".[test]")
    run_steps(session)
