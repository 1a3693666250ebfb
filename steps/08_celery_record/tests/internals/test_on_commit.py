"""When the process is started."""

import subprocess

import pytest
from django.contrib.auth.models import User

pytestmark = pytest.mark.django_db


def test_the_process_is_started_when_the_transaction_has_committed(
    client, monkeypatch, settings, tmp_path, django_capture_on_commit_callbacks
):
    settings.EXPORT_LOGS = tmp_path
    started = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: started.append(command) or subprocess)
    monkeypatch.setattr(subprocess, "wait", lambda: None, raising=False)
    client.force_login(User.objects.create_user("reader"))
    with django_capture_on_commit_callbacks() as callbacks:
        client.post("/exports/")
        assert started == []
    for callback in callbacks:
        callback()
    assert [command[-1] for command in started] == [str(User.objects.get().exports.get().pk)]
