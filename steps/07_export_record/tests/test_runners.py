"""EXPORT_RUNNER chooses what starts an export, after the commit."""

import subprocess
import sys

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from kombu.exceptions import OperationalError

from exports import runners
from exports.models import Export
from tests.exporting import ADDRESS, NEW

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(client):
    client.force_login(User.objects.create_user("reader", ADDRESS, "reader"))
    return client


@pytest.fixture
def started(monkeypatch):
    """The runners that start an export, with its id. None of them runs."""
    calls = []
    for each in runners.RUNNERS:
        monkeypatch.setitem(runners.RUNNERS, each, lambda export_id, each=each: calls.append((each, export_id)))
    return calls


@pytest.mark.parametrize("name", ["subprocess", "celery"])
def test_the_export_starts_when_its_row_is_committed(
    reader, settings, started, name, django_capture_on_commit_callbacks
):
    settings.EXPORT_RUNNER = name
    with django_capture_on_commit_callbacks(execute=True):
        assert reader.post(NEW).status_code == 302
        assert started == []  # no other process would find the row
    assert started == [(name, str(Export.objects.get().pk))]


def test_the_command_line_has_nothing_but_the_id(monkeypatch):
    calls = []
    monkeypatch.setattr(subprocess, "Popen", lambda *arguments, **options: calls.append((*arguments, options)))
    runners.start_subprocess("7")
    ((command, options),) = calls
    assert command == [sys.executable, django_settings.BASE_DIR / "manage.py", "run_export", "7"]
    assert options == {"stdin": subprocess.DEVNULL, "start_new_session": True}


@pytest.mark.parametrize("error", [OSError("no memory"), OperationalError("no broker")])
def test_an_export_that_cannot_start_has_failed(
    reader, settings, monkeypatch, error, django_capture_on_commit_callbacks
):
    def fail(export_id):
        raise error

    monkeypatch.setitem(runners.RUNNERS, settings.EXPORT_RUNNER, fail)
    with django_capture_on_commit_callbacks(execute=True):
        answer = reader.post(NEW)
    page = reader.get(answer["Location"]).content.decode()
    assert "The export could not be started. Please try again in a minute." in page
    assert Export.objects.get().state == "failed"
    assert "hx-get" not in page  # nothing sends an email about it, so there is nothing to wait for
