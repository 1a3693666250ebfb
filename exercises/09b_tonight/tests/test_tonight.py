"""Exercise 09b: an export for the night."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from exports.models import Export
from exports.tasks import run_export

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(client):
    client.force_login(User.objects.create_user("reader"))
    return client


def test_it_waits_for_two_o_clock(reader):
    assert reader.post("/exports/", {"when": "tonight"}).status_code == 302
    moment = DBTaskResult.objects.get().run_after
    now = timezone.now()
    assert now < moment <= now + timedelta(days=1)
    assert (moment.hour, moment.minute, moment.second) == (2, 0, 0)
    assert DBTaskResult.objects.ready().count() == 0
    assert Export.objects.get().filters == {}


def test_otherwise_at_once(reader):
    for fields in ({}, {"when": ""}):
        assert reader.post("/exports/", {"q": f"{fields}", **fields}).status_code == 302
    assert DBTaskResult.objects.ready().count() == 2
    assert reader.post("/exports/", {"when": "tonight"}).status_code == 302
    assert DBTaskResult.objects.ready().count() == 2


def test_another_moment_is_refused(reader):
    answer = reader.post("/exports/", {"when": "tomorrow"})
    assert answer.status_code == 400
    assert "(when)" in answer.content.decode() or "when" in answer.content.decode()
    assert not Export.objects.exists()


def test_a_backend_that_cannot_wait_is_a_sentence(reader, monkeypatch):
    monkeypatch.setattr(type(run_export.get_backend()), "supports_defer", False)
    answer = reader.post("/exports/", {"when": "tonight"})
    assert answer.status_code == 400 and len(answer.content.decode().split()) > 4
    assert not Export.objects.exists()
    assert reader.post("/exports/").status_code == 302
