"""The backends without a server: when a task starts, with which arguments, and what happens if it can't."""

import subprocess
import sys
from unittest.mock import Mock

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.core.management import CommandError, call_command
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult
from kombu.exceptions import OperationalError

from config.celery import run_task
from exports.models import Export
from exports.tasks import run_export
from tests.exporting import ADDRESS, NEW

pytestmark = pytest.mark.django_db


@pytest.fixture
def export():
    return Export.objects.create(owner=User.objects.create_user("reader", ADDRESS))


@pytest.fixture
def started(monkeypatch):
    """The processes and the Celery tasks that are started. None of them runs."""
    calls = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: calls.append((command, options)))
    monkeypatch.setattr(run_task, "delay", lambda *arguments: calls.append(arguments))
    return calls


@pytest.mark.parametrize("backend", ["subprocess", "celery"])
def test_a_task_starts_when_the_transaction_is_committed(export, started, backend, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        run_export.using(backend=backend).enqueue(str(export.pk))
        assert started == []  # no other process would find the row
    assert len(started) == 1


def test_the_subprocess_backend_starts_the_command(export, started, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        run_export.using(backend="subprocess").enqueue(str(export.pk))
    ((command, options),) = started
    manage = django_settings.BASE_DIR / "manage.py"
    arguments = f'[["{export.pk}"], {{}}]'
    assert command == [sys.executable, manage, "run_task", "exports.tasks.run_export", arguments]
    assert options == {"stdin": subprocess.DEVNULL, "start_new_session": True}


def test_the_celery_backend_sends_the_path_and_the_arguments(export, started, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        run_export.using(backend="celery").enqueue(str(export.pk))
    assert started == [("exports.tasks.run_export", [str(export.pk)], {})]


@pytest.mark.parametrize("error", [OSError("no memory"), OperationalError("no broker")])
def test_an_export_that_cannot_start_has_failed(client, export, monkeypatch, error, django_capture_on_commit_callbacks):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(subprocess, "Popen", fail)
    with django_capture_on_commit_callbacks(execute=True):
        run_export.using(backend="subprocess").enqueue(str(export.pk))
    client.force_login(export.owner)
    page = client.get(export.get_absolute_url()).content.decode()
    assert "The export could not be started. Please try again in a minute." in page
    assert Export.objects.get().state == "failed"
    assert "hx-get" not in page  # nothing sends an email about it, so there is nothing to wait for


def test_an_export_whose_task_was_stopped_has_failed(export, monkeypatch):
    """A second SIGTERM raises SystemExit in a task of db_worker. The job doesn't catch it, but the worker does."""

    def stop(export_id):
        assert Export.objects.get().claim()
        raise SystemExit(1)

    monkeypatch.setattr("exports.job.run", stop)
    run_export.using(backend="database").enqueue(str(export.pk))
    row = DBTaskResult.objects.get()
    row.claim("worker")
    Worker.run_task(Mock(_run_tasks=0), row)
    export.refresh_from_db()
    assert (export.state, export.error) == ("failed", "The export stopped unexpectedly. Please try again.")


def test_the_view_enqueues_the_task_with_the_runner_of_the_settings(client, export):
    assert run_export.backend == django_settings.EXPORT_RUNNER == "database"
    client.force_login(export.owner)
    client.post(NEW)
    (task,) = DBTaskResult.objects.all()
    assert task.args_kwargs["args"] == [str(Export.objects.latest("created_at").pk)]


def test_run_task_calls_the_task(export, caplog):
    export.fail("No.")
    call_command("run_task", "exports.tasks.run_export", f'[["{export.pk}"], {{}}]')
    assert "isn't waiting" in caplog.text


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["exports.tasks.walk"], "walk"),
        (["exports.models.Export"], "exports.models.Export is not a task."),
        (["exports.tasks.run_export", "{"], "The task could not be called: "),
        (["exports.tasks.run_export", "[[]]"], "The task could not be called: "),
        (["exports.tasks.run_export", "[[], {}]"], "The task could not be called: .*export_id"),
    ],
)
def test_run_task_reports_an_error_in_one_line(arguments, message):
    with pytest.raises(CommandError, match=message) as error:
        call_command("run_task", *arguments)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("error", [ValueError("a bug"), TypeError("a bug"), ImportError("a bug")])
def test_run_task_does_not_hide_the_traceback_of_an_error_in_the_task(monkeypatch, error):
    def fail(export_id):
        raise error

    monkeypatch.setattr("exports.job.run", fail)
    with pytest.raises(type(error), match="a bug"):
        call_command("run_task", "exports.tasks.run_export", '[["7"], {}]')


def test_without_a_task_for_celery_nothing_imports_it():
    code = "import sys, django; django.setup(); from django.core.management import call_command; call_command('check')"
    command = [sys.executable, "-c", f"{code}; print('celery' in sys.modules)"]
    done = subprocess.run(command, cwd=django_settings.BASE_DIR, capture_output=True, text=True)
    assert done.stdout.split()[-1] == "False", done.stderr


def test_a_message_in_celerys_queue_can_call_nothing_but_tasks():
    with pytest.raises(SuspiciousOperation):
        run_task("os.system", ["true"], {})
