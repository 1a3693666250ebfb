"""Exercise 05b: a second click doesn't start the same export again."""

import subprocess
import time

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from tests.exporting import NEW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def pause(settings):
    settings.EXPORT_PAUSE = 60
    cache.clear()


@pytest.fixture
def started(monkeypatch):
    """The commands that the view starts. None of them runs."""
    commands = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: commands.append(command))
    return commands


def client_of(name):
    client = Client()
    client.force_login(User.objects.create_user(name, f"{name}@example.com", name))
    return client


def statuses(client, *queries):
    return [client.post(NEW + query).status_code for query in queries]


def test_a_second_click_starts_nothing(started):
    reader = client_of("reader")
    assert statuses(reader, "?q=a+b", "?q=a+b", "?q=a+b&genre=") == [202, 429, 429]
    assert len(started) == 1
    assert "just" in reader.post(f"{NEW}?q=a+b").content.decode()


def test_other_filters_start_another_export(started):
    reader = client_of("reader")
    queries = ["", "?genre=novel", "?genre=crime", "?q=" + "%C3%A9" * 150]
    assert statuses(reader, *queries, *queries) == [202] * 4 + [429] * 4
    assert len(started) == 4


def test_another_user_can_ask_for_the_same_export(started):
    one, other = client_of("one"), client_of("other")
    assert statuses(one, "", "") + statuses(other, "", "") == [202, 429, 202, 429]


def test_after_the_pause_the_export_starts_again(started, settings):
    settings.EXPORT_PAUSE = 2
    reader = client_of("reader")
    assert statuses(reader, "", "") == [202, 429]
    deadline = time.monotonic() + 20
    while statuses(reader, "") == [429] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(started) == 2


def test_after_an_error_the_user_can_try_again(monkeypatch):
    calls = []

    def popen(command, **options):
        calls.append(command)
        if len(calls) == 1:
            raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", popen)
    reader = client_of("reader")
    reader.raise_request_exception = False
    assert statuses(reader, "")[0] >= 500
    assert statuses(reader, "", "") == [202, 429]
