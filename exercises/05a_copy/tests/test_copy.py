"""Exercise 05a: a copy of the email."""

import subprocess

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command

from library.factories import BookFactory
from tests.exporting import ADDRESS, NEW

pytestmark = pytest.mark.django_db

COLLEAGUE = "colleague@example.com"


@pytest.fixture
def started(monkeypatch):
    """The commands that the view starts. None of them runs."""
    commands = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **options: commands.append(command))
    return commands


@pytest.fixture
def reader(client):
    client.force_login(User.objects.create_user("reader", ADDRESS, "reader"))
    return client


def test_the_command_sends_a_copy():
    BookFactory()
    call_command("send_export", f"--to={ADDRESS}", f"--cc={COLLEAGUE}", "-v0")
    call_command("send_export", f"--to={ADDRESS}", "-v0")
    assert [(email.to, email.cc) for email in mail.outbox] == [([ADDRESS], [COLLEAGUE]), ([ADDRESS], [])]
    assert all(len(email.attachments) == 1 for email in mail.outbox)


def test_the_command_refuses_an_invalid_address():
    with pytest.raises(CommandError, match="'nobody' is not a valid email address"):
        call_command("send_export", f"--to={ADDRESS}", "--cc=nobody")
    assert mail.outbox == []


def test_the_page_asks_for_the_address(reader):
    assert 'name="cc"' in reader.get(NEW).content.decode()


@pytest.mark.parametrize("address", [COLLEAGUE, "--pythonpath=x@example.com"])
def test_the_view_passes_the_address_on(reader, started, address):
    assert reader.post(f"{NEW}?genre=novel", {"cc": address}).status_code == 202
    (command,) = started
    assert command[2:] == ["send_export", f"--to={ADDRESS}", f"--cc={address}", "--genre=novel"]


@pytest.mark.parametrize("data", [{}, {"cc": ""}])
def test_without_an_address_the_command_is_as_before(reader, started, data):
    assert 'name="cc"' in reader.get(NEW).content.decode()
    assert reader.post(NEW, data).status_code == 202
    (command,) = started
    assert command[2:] == ["send_export", f"--to={ADDRESS}"]


def test_an_invalid_address_gets_a_400_and_starts_nothing(reader, started):
    answer = reader.post(NEW, {"cc": "nobody"})
    assert answer.status_code == 400
    assert "Enter a valid email address." in answer.content.decode()
    assert started == []
