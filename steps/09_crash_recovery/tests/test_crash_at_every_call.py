"""Wherever a worker dies, its export ends with a correct file. Its email is sent once, or we say that we don't know."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from exports.delivery import NOT_KNOWN
from tests.exporting import posix
from tests.servers import STEP, environment, smtp
from tests.workers import worker

pytestmark = [pytest.mark.server, posix, pytest.mark.covers("exports", "backends", "tests/crashing.py")]


def crash(library, backend, report, **variables):
    """Run tests/crashing.py. Return its results."""
    env = {**environment(library.database), **library.variables, "DJANGO_SETTINGS_MODULE": "tests.settings_crashing"}
    env |= {"EXPORT_RUNNER": backend, "CRASH_POINT": str(library.folder / "point"), **variables}
    command = [sys.executable, "-m", "tests.crashing", backend, report]
    done = subprocess.run(command, cwd=STEP, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(report.read_text())


@pytest.mark.parametrize(
    "backend",
    [
        "database",
        pytest.param("subprocess", marks=pytest.mark.slow),
        pytest.param("celery", marks=pytest.mark.slow),
    ],
)
def test_an_export_survives_a_crash_at_every_call(library, tmp_path, backend):
    expected = tmp_path / "expected.csv"
    assert library.manage("export_books", "--genre=novel", "-o", expected, "-v0").returncode == 0
    with smtp() as (url, emails):
        library.variables["EMAIL_URL"] = url
        if backend == "celery":
            library.variables |= {"EXPORT_RUNNER": backend, "CRASH_POINT": str(library.folder / "point")}
            with worker(library, settings="tests.settings_crashing") as celery:
                results = crash(library, backend, tmp_path / "report", CELERY_LOG=str(celery.log))
        else:
            results = crash(library, backend, tmp_path / "report")
        sent = Counter(email["Message-ID"].split("@")[0].removeprefix("<export-") for email in emails)

    survived = [result for result in results if not result["was_killed"]]
    assert len(survived) == 2  # each series ends with a task that made all of its calls
    assert len(results) - len(survived) > 40
    for result in results:
        assert result["state"] == "done", result
        assert Path(result["file"]).read_bytes() == expected.read_bytes(), result
        number = sent[result["id"]]
        assert (result["is_sent"], result["email_error"]) in [(True, ""), (False, NOT_KNOWN)], result
        assert number == 1 if result["is_sent"] else number <= 1, result
    not_known = [result for result in results if not result["is_sent"]]
    assert 0 < len(not_known) < len(results) / 3
