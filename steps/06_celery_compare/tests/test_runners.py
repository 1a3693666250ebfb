"""EXPORT_RUNNER chooses what starts an export."""

import pytest
from django.contrib.auth.models import User
from kombu.exceptions import OperationalError

from exports import runners
from tests.exporting import ADDRESS, NEW

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(client):
    client.force_login(User.objects.create_user("reader", ADDRESS, "reader"))
    return client


@pytest.mark.parametrize("name", ["subprocess", "celery"])
def test_the_view_starts_the_export_with_the_runner_of_the_settings(reader, settings, monkeypatch, name):
    started = []
    for each in runners.RUNNERS:
        monkeypatch.setitem(runners.RUNNERS, each, lambda *arguments, each=each: started.append((each, *arguments)))
    settings.EXPORT_RUNNER = name
    assert reader.post(f"{NEW}?genre=novel").status_code == 202
    assert started == [(name, ADDRESS, {"genre": "novel"})]


@pytest.mark.parametrize("error", [OSError("no memory"), OperationalError("no broker")])
def test_a_runner_that_cannot_start_is_a_503_page(reader, settings, monkeypatch, error):
    def fail(address, filters):
        raise error

    monkeypatch.setitem(runners.RUNNERS, settings.EXPORT_RUNNER, fail)
    answer = reader.post(NEW)
    assert answer.status_code == 503
    assert "The export could not be started" in answer.content.decode()
