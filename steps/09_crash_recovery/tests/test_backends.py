"""The backends without a server: when a task starts, with which arguments, and what happens if it can't."""

import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

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
    monkeypatch.setattr(run_task, "apply_async", lambda arguments, **options: calls.append((arguments, options)))
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
    assert started == [(["exports.tasks.run_export", [str(export.pk)], {}], {"eta": None})]


def test_the_celery_backend_can_start_a_task_later(export, started, django_capture_on_commit_callbacks):
    later = timezone.now() + timedelta(minutes=5)
    with django_capture_on_commit_callbacks(execute=True):
        run_export.using(backend="celery", run_after=later).enqueue(str(export.pk))
    assert started[0][1] == {"eta": later}


def test_a_task_that_cannot_start_is_an_error_in_the_log(
    export, monkeypatch, caplog, django_capture_on_commit_callbacks
):
    def fail(*arguments, **options):
        raise OSError("no memory")

    monkeypatch.setattr(subprocess, "Popen", fail)
    with django_capture_on_commit_callbacks(execute=True):
        run_export.using(backend="subprocess").enqueue(str(export.pk))
    assert "could not be started" in caplog.text and "no memory" in caplog.text
    assert Export.objects.get().state == "waiting"  # the reaper starts it


def test_the_view_enqueues_the_task_with_the_runner_of_the_settings(client, export):
    assert run_export.backend == django_settings.EXPORT_RUNNER == "database"
    client.force_login(export.owner)
    client.post(NEW)
    (task,) = DBTaskResult.objects.all()
    assert task.args_kwargs["args"] == [str(Export.objects.latest("created_at").pk)]


def test_run_task_calls_the_task(export, caplog):
    caplog.set_level("INFO")
    export.claim()
    call_command("run_task", "exports.tasks.run_export", f'[["{export.pk}"], {{}}]')
    assert f"Export {export.pk} is running, so there is nothing to do." in caplog.text


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
