"""Exercise 09a: the queue in the database, for whoever watches it."""

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from exports.tasks import run_export

pytestmark = pytest.mark.django_db


def said(*arguments):
    output = StringIO()
    call_command("queue_length", *arguments, stdout=output)
    return output.getvalue()


def test_it_counts_what_waits():
    assert said() == "0 tasks wait.\n"
    for number in range(3):
        run_export.using(backend="database").enqueue(str(number))
    DBTaskResult.objects.update(enqueued_at=timezone.now() - timedelta(seconds=100))
    run_export.using(backend="database").enqueue("new")
    count, seconds = re.fullmatch(r"(\d+) tasks wait, the oldest for (\d+) seconds\.\n", said()).groups()
    assert count == "4" and 100 <= int(seconds) < 160
    DBTaskResult.objects.update(status="SUCCESSFUL")
    assert said() == "0 tasks wait.\n"


def test_too_long_is_an_error_for_a_watcher():
    run_export.using(backend="database").enqueue("1")
    DBTaskResult.objects.update(enqueued_at=timezone.now() - timedelta(seconds=100))
    assert "1 tasks wait" in said("--limit=500")
    with pytest.raises(CommandError, match="1 tasks wait, the oldest for"):
        said("--limit=50")
