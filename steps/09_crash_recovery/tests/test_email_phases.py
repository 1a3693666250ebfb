"""What a mail server's failure at each moment means for the email: sent, retried, failed or not known."""

import smtplib
import ssl
from datetime import timedelta
from unittest.mock import Mock

import django
import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import override_settings

from config.mail import mailer, settings_before_6_1
from exports import delivery
from exports.models import Export
from exports.retry import RetryLater
from tests.exporting import ADDRESS
from tests.mail_servers import changing_smtp, failing_smtp
from tests.servers import free_port, smtp

pytestmark = pytest.mark.django_db

RETRY, NOT_SENT, NOT_KNOWN, SENT = "retry", delivery.NOT_SENT, delivery.NOT_KNOWN, "sent"
PHASES = [
    ("CONNECT", "421 busy", RETRY),
    ("CONNECT", "554 no mail here", NOT_SENT),
    ("CONNECT", "what", RETRY),
    ("CONNECT", None, RETRY),
    ("CONNECT", "", RETRY),
    ("EHLO", None, RETRY),
    ("EHLO", "502 only HELO", SENT),
    ("MAIL", "451 try later", RETRY),
    ("MAIL", "421 closing", RETRY),
    ("MAIL", "what", RETRY),
    ("MAIL", "", RETRY),
    ("MAIL", "550 no", NOT_SENT),
    ("MAIL", "552 too large", NOT_SENT),
    ("MAIL", None, RETRY),
    ("RCPT", "450 greylisted", RETRY),
    ("RCPT", "421 closing", RETRY),
    ("RCPT", "452 too many", RETRY),
    ("RCPT", "251 will forward", SENT),
    ("RCPT", "550 no such user", NOT_SENT),
    ("RCPT", "552 the mailbox is full", NOT_SENT),
    ("RCPT", None, RETRY),
    ("RCPT", "", RETRY),
    ("DATA", "451 try later", RETRY),
    ("DATA", "250 what", RETRY),
    ("DATA", None, RETRY),
    ("DATA", "", RETRY),
    ("DATA", "554 no", NOT_SENT),
    ("END", "452 the disk is full", RETRY),
    ("END", "421 closing", RETRY),
    ("END", "552 too large", NOT_SENT),
    ("END", "251 will forward", NOT_KNOWN),
    ("END", "what", NOT_KNOWN),
    ("END", None, NOT_KNOWN),
    ("END", "", NOT_KNOWN),
    ("QUIT", "", SENT),
    ("QUIT", None, SENT),
    ("QUIT", "500 what", SENT),
    ("QUIT", "421 closing", SENT),
]


@pytest.fixture
def export(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    export = Export.objects.create(owner=User.objects.create_user("reader", ADDRESS))
    export.finish(export.claim(), ContentFile(b"abc"), rows=1)
    return export


def mail_settings(url, timeout=60):
    """Return Django's settings for this mail server."""
    options = mailer(url, None)
    options["OPTIONS"]["timeout"] = timeout  # seconds
    return {"MAILERS": {"default": options}} if django.VERSION >= (6, 1) else settings_before_6_1(options)


def outcome_of(export):
    try:
        delivery.deliver(export)
    except RetryLater as retry:
        assert retry.seconds == 10
        retry.release(10)
        return RETRY
    export.delivery.refresh_from_db()
    return export.delivery.error or (export.delivery.sent_at and SENT)


@pytest.mark.parametrize("command, reply, expected", PHASES)
def test_a_failure_of_the_mail_server_at_each_moment(export, command, reply, expected):
    timeout = 1 if reply == "" else 60  # "": the server doesn't answer
    with failing_smtp(command, reply) as (url, emails), override_settings(**mail_settings(url, timeout)):
        assert outcome_of(export) == expected
    if expected in (RETRY, NOT_SENT):
        assert emails == []  # nothing was sent
    if expected == RETRY:
        with failing_smtp("", "") as (url, emails), override_settings(**mail_settings(url)):
            assert outcome_of(export) == SENT
    assert len(emails) == (
        0 if expected == NOT_SENT or (command == "END" and expected == NOT_KNOWN and reply is not None) else 1
    )


@pytest.mark.parametrize("command", ["MAIL", "END"])
def test_an_email_that_is_too_large_for_the_server_becomes_a_link(export, command, monkeypatch):
    fault, email_about = [command, "552 too large"], delivery.email_about

    def small_enough(export, with_file=True):
        if not with_file:
            fault[:] = ["", ""]
        return email_about(export, with_file)

    monkeypatch.setattr(delivery, "email_about", small_enough)
    with changing_smtp(fault) as (url, emails), override_settings(**mail_settings(url)):
        assert outcome_of(export) == SENT
    (email,) = emails
    assert b"The file is too large for an email" in email and b"Content-Disposition" not in email


def test_an_email_that_is_larger_than_the_size_that_the_server_names_becomes_a_link(export):
    export.file.storage.delete(export.file.name)
    export.file.storage.save(export.file.name, ContentFile(b"abc" * 10_000))
    with smtp(size_limit=20_000) as (url, emails), override_settings(**mail_settings(url)):
        assert outcome_of(export) == SENT
    (email,) = emails
    assert "The file is too large for an email" in email.get_content()


def test_an_expired_certificate_of_the_mail_server_is_tried_again(export, monkeypatch):
    error = ssl.SSLCertVerificationError(1, "certificate has expired")
    monkeypatch.setattr(smtplib.SMTP, "connect", Mock(side_effect=error))
    with override_settings(**mail_settings("smtp://127.0.0.1:1")):
        assert outcome_of(export) == RETRY


def test_a_mail_server_that_is_not_there_is_tried_again(export):
    with override_settings(**mail_settings(f"smtp://127.0.0.1:{free_port()}")):
        assert outcome_of(export) == RETRY


def test_after_an_hour_the_email_is_given_up(export):
    export.finished_at -= timedelta(hours=1)
    with override_settings(**mail_settings(f"smtp://127.0.0.1:{free_port()}")):
        assert outcome_of(export) == NOT_SENT
