"""Exercise 06a: an export that takes too long is stopped, and the user reads that."""

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core import mail

from exports import job, tasks
from tests.exporting import ADDRESS, Library, posix
from tests.servers import smtp, wait_for
from tests.workers import enqueue, worker


def test_the_user_gets_an_email(monkeypatch):
    def takes_too_long(address, filters):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(job, "send_export", takes_too_long)
    result = tasks.send_export.apply([ADDRESS, {}])
    assert result.failed()
    (email,) = mail.outbox
    assert email.to == [ADDRESS]
    assert "stopped" in email.subject
    assert len(email.body.split()) > 4


def test_an_export_in_time_sends_no_other_email(monkeypatch):
    calls = []
    monkeypatch.setattr(job, "send_export", lambda *arguments: calls.append(arguments))
    assert tasks.send_export.apply([ADDRESS, {"genre": "novel"}]).successful()
    assert calls == [(ADDRESS, {"genre": "novel"})]
    assert mail.outbox == []


def test_the_limit_is_a_setting():
    assert tasks.send_export.soft_time_limit == settings.EXPORT_TIME_LIMIT == 600


@posix
@pytest.mark.server
def test_a_worker_stops_an_export_that_takes_too_long(large_database, tmp_path):
    library = Library(large_database, tmp_path)
    library.variables |= {"EXPORT_RUNNER": "celery", "EXPORT_TIME_LIMIT": "1"}
    with smtp() as (url, emails):
        library.variables["EMAIL_URL"] = url
        enqueue(library, ADDRESS)
        with worker(library) as celery:
            wait_for(lambda: emails, "an email")
            assert "stopped" in emails[0]["Subject"]
            wait_for(lambda: "SoftTimeLimitExceeded" in celery.log.read_text(), "the error in the log")
        assert list((tmp_path / "tmp").glob("export-*")) == []  # the unfinished file has been deleted
