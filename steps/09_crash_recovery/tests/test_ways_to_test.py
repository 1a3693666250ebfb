"""Ways to test a task, and what each of them doesn't find. The page "Test your tasks" shows these tests."""

import pytest
from django.core.management import call_command
from django.db import transaction

from backends.compat import Task, TaskResultStatus, task
from library.factories import BookFactory
from library.models import Book

pytestmark = [pytest.mark.django_db, pytest.mark.covers("backends/compat.py")]
TASKS = Task.__module__.removesuffix(".base")  # django.tasks, or django_tasks on Django 5.2


@task(backend="database")
def rename(book_id, title):
    """Give a book another title."""
    Book.objects.filter(pk=book_id).update(title=title)


@pytest.fixture
def book():
    return BookFactory(title="Old")


@pytest.fixture
def immediate(settings):
    """Run each task inside enqueue()."""
    settings.TASKS = {"database": {"BACKEND": f"{TASKS}.backends.immediate.ImmediateBackend"}}


@pytest.fixture
def dummy(settings):
    """Run no task, and keep what was enqueued."""
    settings.TASKS = {"database": {"BACKEND": f"{TASKS}.backends.dummy.DummyBackend"}}


def title(book):
    return Book.objects.get(pk=book.pk).title


def test_call_runs_the_function_of_a_task(book):
    rename.call(book.pk, "New")
    assert title(book) == "New"


def test_the_dummy_backend_keeps_what_was_enqueued(dummy, book):
    rename.enqueue(book.pk, title="New")
    (result,) = rename.get_backend().results
    assert result.task.module_path.endswith("rename")
    assert (list(result.args), result.kwargs) == ([book.pk], {"title": "New"})
    assert title(book) == "Old"


def test_the_immediate_backend_runs_the_task_in_enqueue(immediate, book):
    rename.enqueue(book.pk, "New")
    assert title(book) == "New"


def test_trap_with_the_immediate_backend_an_error_doesnt_fail_the_test(immediate):
    result = rename.enqueue("not a number", "New")
    assert result.status == TaskResultStatus.FAILED
    assert "ValueError" in result.errors[0].traceback


@pytest.mark.parametrize("backend", ["immediate", "dummy", None])
def test_each_backend_refuses_arguments_that_are_not_json(book, backend, request):
    if backend:
        request.getfixturevalue(backend)
    with pytest.raises(TypeError):
        rename.enqueue(book, "New")


def test_trap_with_the_immediate_backend_the_task_runs_before_the_commit(immediate, book):
    with transaction.atomic():
        rename.enqueue(book.pk, "New")
        assert title(book) == "New"  # no worker would see the book yet


def test_trap_in_a_test_on_commit_does_nothing(immediate, book):
    transaction.on_commit(lambda: rename.enqueue(book.pk, "New"))
    assert title(book) == "Old"


def test_a_test_can_run_what_waits_for_the_commit(immediate, book, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        transaction.on_commit(lambda: rename.enqueue(book.pk, "New"))
    assert title(book) == "New"


def test_a_worker_can_run_in_the_process_of_the_test(book, monkeypatch):
    monkeypatch.setattr(
        "signal.signal", lambda *arguments: None
    )  # otherwise the worker would handle Ctrl-C from now on
    rename.enqueue(book.pk, "New")
    assert title(book) == "Old"
    call_command("db_worker", "--batch", "--backend=database", "--no-startup-delay", "--interval=0", "-v0")
    assert title(book) == "New"
