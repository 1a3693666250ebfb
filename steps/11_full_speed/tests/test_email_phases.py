"""What a mail server's failure at each moment means for the email: sent, retried, failed or not known."""

from datetime import timedelta

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
from tests.mail_servers import failing_smtp
from tests.servers import free_port

pytestmark = pytest.mark.django_db

RETRY, NOT_SENT, NOT_KNOWN, SENT = "retry", delivery.NOT_SENT, delivery.NOT_KNOWN, "sent"
PHASES = [
    ("CONNECT", "421 busy", RETRY),
    ("CONNECT", None, RETRY),
    ("CONNECT", "", RETRY),
    ("EHLO", None, RETRY),
    ("MAIL", "451 try later", RETRY),
    ("MAIL", "550 no", NOT_SENT),
    ("MAIL", None, RETRY),
    ("RCPT", "450 greylisted", RETRY),
    ("RCPT", "550 no such user", NOT_SENT),
    ("RCPT", None, RETRY),
    ("RCPT", "", RETRY),
    ("DATA", "451 try later", RETRY),
    ("DATA", "554 no", NOT_SENT),
    ("END", "452 the disk is full", RETRY),
    ("END", "552 too large", NOT_SENT),
    ("END", None, NOT_KNOWN),
    ("END", "", NOT_KNOWN),
    ("QUIT", "", SENT),
    ("QUIT", None, SENT),
    ("QUIT", "500 what", SENT),
]


@pytest.fixture
def export(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    export = Export.objects.create(owner=User.objects.create_user("reader", ADDRESS))
    export.finish(export.claim(), ContentFile(b"abc"), rows=1)
    return export


def mail_settings(url):
    """Return Django's settings for this mail server, with a short timeout."""
    options = mailer(url, None)
    options["OPTIONS"]["timeout"] = 0.3  # seconds
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
    with failing_smtp(command, reply) as (url, emails), override_settings(**mail_settings(url)):
        assert outcome_of(export) == expected
    if expected in (RETRY, NOT_SENT):
        assert emails == []  # nothing was sent
    if expected == RETRY:
        with failing_smtp("", "") as (url, emails), override_settings(**mail_settings(url)):
            assert outcome_of(export) == SENT
    assert len(emails) == (0 if expected == NOT_SENT or (command, reply) == ("END", "") else 1)


def test_a_mail_server_that_is_not_there_is_tried_again(export):
    with override_settings(**mail_settings(f"smtp://127.0.0.1:{free_port()}")):
        assert outcome_of(export) == RETRY


def test_after_an_hour_the_email_is_given_up(export):
    export.finished_at -= timedelta(hours=1)
    with override_settings(**mail_settings(f"smtp://127.0.0.1:{free_port()}")):
        assert outcome_of(export) == NOT_SENT
