"""Exercise 08a: how many tasks wait in the database."""

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from exports.tasks import run_export

pytestmark = pytest.mark.django_db


def enqueue(number):
    for _ in range(number):
        run_export.using(backend="database").enqueue("an id")


def enqueued(seconds):
    """Pretend that all tasks were enqueued that many seconds ago."""
    DBTaskResult.objects.update(enqueued_at=timezone.now() - timedelta(seconds=seconds))


def printed(*options):
    output = StringIO()
    call_command("queue_length", *options, stdout=output)
    return output.getvalue()


def test_it_counts_the_waiting_tasks():
    assert printed() == "0 tasks are waiting.\n"
    enqueue(3)
    enqueued(100)
    enqueue(1)
    count, seconds = re.fullmatch(r"(\d+) tasks are waiting, the oldest for (\d+) seconds\.\n", printed()).groups()
    assert count == "4" and 100 <= int(seconds) < 160
    DBTaskResult.objects.update(status="SUCCESSFUL")
    assert printed() == "0 tasks are waiting.\n"


def test_a_task_that_waits_too_long_is_an_error():
    enqueue(2)
    enqueued(100)
    assert "2 tasks are waiting" in printed("--limit=500")
    with pytest.raises(CommandError, match="2 tasks are waiting, the oldest for 1"):
        printed("--limit=50")
    DBTaskResult.objects.update(status="RUNNING")
    assert printed("--limit=50") == "0 tasks are waiting.\n"
