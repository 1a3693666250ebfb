"""A step folder copied anywhere runs there, with nothing installed but its own requirements.txt."""

import os
import re
import subprocess
import sys
import time
import urllib.request
import venv

import pytest

from tutorial import ROOT
from tutorial.repo.step_changes import added_tests, copy_step, neighbours

BIN = "Scripts" if sys.platform == "win32" else "bin"


@pytest.fixture(scope="session")
def python_with(tmp_path_factory):
    """Gives the Python of an environment in which just a requirements.txt is installed."""
    environments = {}

    def python(requirements):
        content = requirements.read_text("utf-8")
        if content not in environments:
            folder = tmp_path_factory.mktemp("environment")
            venv.create(folder)
            environments[content] = folder / BIN / "python"
            # What pip would install, in a tenth of the time: uv takes from its cache what an earlier step had.
            install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python"]
            versions = ["-c", ROOT / "constraints.txt", "-r", requirements]
            subprocess.run([*install, environments[content], *versions], check=True)
        return environments[content]

    return python


STEPS = [pytest.param(step, before, id=step.name) for step, before in neighbours()]


@pytest.mark.parametrize("step, before", STEPS)
def test_it_migrates_seeds_serves_and_passes_its_new_fast_tests(step, before, tmp_path, python_with):
    folder = tmp_path / "a folder with spaces and ä"
    copy_step(step, folder)
    python = python_with(folder / "requirements.txt")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_", "DJANGO_"))}

    def run(*command):
        done = subprocess.run([python, *command], cwd=folder, env=clean, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("manage.py", "migrate")
    run("manage.py", "makemigrations", "--check", "--dry-run")
    run("manage.py", "seed_books", "1000")
    assert serve(python, folder, clean) == 200
    run("-m", "pytest", "-q", "--collect-only")  # what all of the tests import is there
    fast = ["-m", "not server and not services and not browser and not office"]
    assert re.search(r"\d+ passed", run("-m", "pytest", "-q", *fast, "tests/internals", *added_tests(step, before)))


def serve(python, folder, environment):
    """The status of the list of books, from gunicorn with the step's own settings on another port."""
    log = folder / "gunicorn.log"
    with log.open("wb") as output:
        command = [python, "-m", "gunicorn", "--bind=127.0.0.1:0"]
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 60
        while not (listening := re.search(r"http://127.0.0.1:\d+", log.read_text())):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        with urllib.request.urlopen(listening.group() + "/books/") as page:  # noqa: S310
            assert b"The library" in page.read()
            return page.status
    finally:
        server.terminate()
        server.wait()
