"""Exercise 08b: an export that runs in the night."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from exports.models import Export
from exports.tasks import run_export
from tests.exporting import ADDRESS, NEW

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(client):
    client.force_login(User.objects.create_user("reader", ADDRESS, "reader"))
    return client


def test_the_task_waits_until_two_o_clock(reader):
    now = timezone.now()
    assert reader.post(f"{NEW}?genre=novel", {"when": "tonight"}).status_code == 302
    moment = DBTaskResult.objects.get().run_after
    assert now < moment <= timezone.now() + timedelta(days=1)
    assert (moment.hour, moment.minute, moment.second) == (2, 0, 0)
    assert DBTaskResult.objects.ready().count() == 0
    assert Export.objects.get().filters == {"genre": "novel"}


def test_without_it_the_task_is_ready_immediately(reader):
    for fields in ({}, {"when": ""}):
        assert reader.post(NEW, fields).status_code == 302
    assert DBTaskResult.objects.ready().count() == 2
    assert reader.post(NEW, {"when": "tonight"}).status_code == 302
    assert DBTaskResult.objects.ready().count() == 2


def test_another_value_gets_a_400(reader):
    answer = reader.post(NEW, {"when": "tomorrow"})
    assert answer.status_code == 400
    assert "when" in answer.content.decode()
    assert not Export.objects.exists()


def test_a_backend_that_cannot_wait_gets_a_400(reader, monkeypatch):
    monkeypatch.setattr(type(run_export.get_backend()), "supports_defer", False)
    answer = reader.post(NEW, {"when": "tonight"})
    assert answer.status_code == 400 and len(answer.content.decode().split()) > 4
    assert not Export.objects.exists()
    assert reader.post(NEW).status_code == 302
