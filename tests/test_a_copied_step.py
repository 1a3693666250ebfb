"""A copied step folder runs with only its requirements.txt installed, and passes with its requirements-test.txt."""

import os
import re
import sys
import venv
from functools import partial

import httpx
import pytest

from tests import conftest
from tutorial import ROOT
from tutorial.repo.step_changes import added_tests, copy_step, neighbours
from tutorial.site.record import free_port, running

pytestmark = pytest.mark.slow
STEPS = [pytest.param(step, before, id=step.name) for step, before in neighbours()]


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of an environment. Steps share it, so Python compiles what two of them need only once."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment)
    return environment / "bin" / "python"


@pytest.mark.parametrize("step, before", STEPS)
def test_it_migrates_seeds_serves_and_passes_its_new_fast_tests(python, step, before, tmp_path):
    folder = tmp_path / "a folder with spaces and ä"
    copy_step(step, folder)
    not_ours = ("PYTEST_", "COV_", "DJANGO_", "PYTHONDONTWRITEBYTECODE")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(not_ours)}

    run = partial(conftest.run, cwd=folder, env=clean)

    # As pip does in a new environment: --exact removes what the requirements don't name.
    def install(requirements):
        uv = [sys.executable, "-m", "uv", "pip", "install", "--exact", "--quiet", "--python", python]
        run(*uv, "-c", ROOT / "constraints.txt", "-r", requirements)

    install("requirements.txt")
    run(python, "manage.py", "migrate")
    run(python, "manage.py", "makemigrations", "--check", "--dry-run")
    run(python, "manage.py", "seed_books", "1000")
    port = free_port()
    server = [python, "-m", "gunicorn", f"--bind=127.0.0.1:{port}"]  # with the step's own settings
    with running(server, "Booting worker", cwd=folder, env=clean):
        page = httpx.get(f"http://127.0.0.1:{port}/books/", timeout=60)
        assert page.status_code == 200 and "The library" in page.text
    install("requirements-test.txt")
    run(python, "-m", "pytest", "-q", "--collect-only")  # everything that the tests import is installed
    fast = ["-m", "not slow and not server and not services and not browser", "tests/internals"]
    assert re.search(r"\d+ passed", run(python, "-m", "pytest", "-q", *fast, *added_tests(step, before)).stdout)
