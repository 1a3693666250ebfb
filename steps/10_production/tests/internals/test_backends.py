"""The backends here, held to what Django documents of a backend."""

import asyncio
import subprocess
import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.core import checks
from django.utils import timezone

from backends.compat import InvalidTask, TaskResultStatus, task, task_enqueued, task_finished
from exports.models import Export
from exports.tasks import run_export

pytestmark = pytest.mark.django_db


@task(backend="spawn")
def noop(*arguments, **options):
    """Has no command of its name."""


@task(backend="spawn")
def check(*arguments, **options):
    """Has one."""


async def coroutine():
    """A task that is awaited."""


@pytest.fixture
def started(monkeypatch, settings, tmp_path):
    """The commands that would have been started."""
    commands = []
    process = SimpleNamespace(wait=lambda: None)
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: commands.append(command) or process)
    backend = run_export.using(backend="spawn").get_backend()
    monkeypatch.setitem(backend.options, "LOGS", tmp_path)
    return commands


@pytest.fixture
def export():
    return Export.objects.create(owner=User.objects.create_user("reader"))


def test_spawn_starts_the_command_when_the_transaction_has_committed(
    started, export, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        result = run_export.using(backend="spawn").enqueue(str(export.pk))
        assert started == [] and result.status == TaskResultStatus.READY
    assert [command[-2:] for command in started] == [["run_export", str(export.pk)]]


def test_spawn_can_be_awaited(started, export, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        asyncio.run(run_export.using(backend="spawn").aenqueue(str(export.pk)))
    assert len(started) == 1


def test_spawn_tells_that_a_task_was_enqueued(started, export, django_capture_on_commit_callbacks):
    told = []
    listener = lambda task_result, **kwargs: told.append(task_result.args)  # noqa: E731
    task_enqueued.connect(listener)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            run_export.using(backend="spawn").enqueue(str(export.pk))
    finally:
        task_enqueued.disconnect(listener)
    assert told == [[str(export.pk)]]


def test_what_cannot_be_started_has_failed_and_says_so(
    started, export, monkeypatch, django_capture_on_commit_callbacks
):
    def refuse(*arguments, **options):
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    told = []
    listener = lambda task_result, **kwargs: told.append(task_result.status)  # noqa: E731
    task_finished.connect(listener)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            run_export.using(backend="spawn").enqueue(str(export.pk))
    finally:
        task_finished.disconnect(listener)
    export.refresh_from_db()
    assert told == [TaskResultStatus.FAILED] and export.state == "failed"


@pytest.mark.parametrize(
    "options", [{"priority": 5}, {"run_after": timezone.now() + timedelta(hours=1)}, {"queue_name": "another"}]
)
def test_spawn_refuses_what_it_cannot_do(options):
    with pytest.raises(InvalidTask):
        run_export.using(backend="spawn", **options)


def test_spawn_refuses_coroutines():
    with pytest.raises(InvalidTask):
        task(backend="spawn")(coroutine)


@pytest.mark.parametrize(
    "arguments, options", [(["--settings=x"], {}), ([""], {}), ([], {"name": "value"})], ids=["option", "none", "name"]
)
def test_spawn_refuses_arguments_that_a_command_would_take_for_something_else(started, arguments, options):
    check.enqueue("library")
    with pytest.raises(InvalidTask, match="positional"):
        check.enqueue(*arguments, **options)


def test_spawn_refuses_a_task_without_a_command():
    with pytest.raises(InvalidTask, match="no management command 'noop'"):
        noop.enqueue()


def test_spawn_has_no_results_and_says_so(started, export):
    result = run_export.using(backend="spawn").enqueue(str(export.pk))
    assert not run_export.using(backend="spawn").get_backend().supports_get_result
    with pytest.raises(NotImplementedError):
        result.refresh()


def test_celery_takes_a_time_and_refuses_a_priority():
    later = timezone.now() + timedelta(hours=1)
    assert run_export.using(backend="celery", run_after=later).run_after == later
    with pytest.raises(InvalidTask):
        run_export.using(backend="celery", priority=5)


def test_celery_is_told_the_time(monkeypatch, export, django_capture_on_commit_callbacks):
    from config.celery import app

    sent = []
    monkeypatch.setattr(app, "send_task", lambda *arguments, **options: sent.append((arguments, options)))
    later = timezone.now() + timedelta(minutes=5)
    with django_capture_on_commit_callbacks(execute=True):
        run_export.using(backend="celery", run_after=later).enqueue(str(export.pk))
    ((_, arguments), options) = sent[0]
    assert arguments[1] == [str(export.pk)]
    assert options["eta"] == later


def test_celery_runs_nothing_but_tasks(export):
    from backends.celery import run

    with pytest.raises(InvalidTask):
        run("exports.models.Export", [], {})
    run("exports.tasks.run_export", [str(uuid.uuid4())], {})  # of which there is none


def test_the_checks_find_a_wrong_option(settings):
    from backends.spawn import SpawnBackend

    good = {"MANAGE": settings.BASE_DIR / "manage.py", "LOGS": "logs"}
    assert list(SpawnBackend("spawn", {"OPTIONS": good}).check()) == []
    found = list(SpawnBackend("spawn", {"OPTIONS": {"MANAGE": "/nowhere/manage.py"}}).check())
    assert [type(each) for each in found] == [checks.Error, checks.Error]
    assert list(run_export.using(backend="spawn").get_backend().check()) == []


def test_a_task_that_is_not_ours_is_none_of_our_business(export):
    result = SimpleNamespace(id="1", task=check, status=TaskResultStatus.FAILED, args=[str(export.pk)])
    task_finished.send(None, task_result=result)
    export.refresh_from_db()
    assert export.state == "waiting"


def test_an_export_that_runs_is_not_ended_by_a_task_that_could_not_be_started(export):
    assert Export.objects.get().claim()
    result = SimpleNamespace(id="1", task=run_export, status=TaskResultStatus.FAILED, args=[str(export.pk)])
    task_finished.send(None, task_result=result)
    export.refresh_from_db()
    assert (export.state, export.mail_error) == ("running", "")
