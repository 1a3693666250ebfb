"""The answers of docs/questions.md that no step tests: their code works as it stands on the page."""

import fcntl
import re
import subprocess
import sys

import psycopg
import pytest

import servers
from tests.conftest import manage
from tutorial import ROOT, find_step

PAGE = (ROOT / "docs" / "questions.md").read_text("utf-8")


def test_with_flock_a_second_run_ends_immediately(tmp_path):
    (line,) = re.findall(r"^15 3 \* \* \* (.*flock.*)$", PAGE, re.MULTILINE)
    step, database = find_step("04"), f"sqlite:///{tmp_path / 'library.sqlite3'}"
    manage(step, database, "migrate", "--verbosity=0")
    exports = tmp_path / "exports"
    exports.mkdir()
    for path, here in (("/srv/exports", exports), ("/srv/library/.venv/bin/python", sys.executable)):
        line = line.replace(path, str(here))
    command = ["/bin/sh", "-c", line.replace("/srv/library", str(step))]
    environment = {"PATH": "/usr/bin:/bin", "DATABASE_URL": database}
    with (exports / "export.lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        assert subprocess.run(command, env=environment).returncode == 1
        assert [path.name for path in exports.iterdir()] == ["export.lock"]
    assert subprocess.run(command, env=environment).returncode == 0
    assert len(list(exports.glob("books-*.csv"))) == 1


@pytest.mark.services
def test_the_lock_of_postgresql_is_given_to_one_connection_only():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with servers.postgresql() as url, psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_lock(7)")
        code += "\nprint(is_only_one(7), is_only_one(8))"
        assert manage(find_step("04"), url, "shell", "-v0", "-c", code) == "False True\n"


QUEUES = """
from django.core.management import call_command
from django.test import override_settings
from django_tasks_db.models import DBTaskResult
from exports.tasks import run_export

backend = {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default", "exports"]}
with override_settings(TASKS={"database": backend}):
    run_export.using(backend="database", queue_name="exports").enqueue("00000000-0000-0000-0000-000000000000")
    for queue in ("default", "exports"):
        call_command("db_worker", "--backend=database", f"--queue-name={queue}", "--batch", "--no-startup-delay", "-v0")
        print(DBTaskResult.objects.get().status)
"""


def test_a_worker_takes_tasks_of_its_queue_only(tmp_path):
    step, database = find_step("08"), f"sqlite:///{tmp_path / 'library.sqlite3'}"
    manage(step, database, "migrate", "--verbosity=0")
    assert manage(step, database, "shell", "-v0", "-c", QUEUES).split() == ["READY", "SUCCESSFUL"]
