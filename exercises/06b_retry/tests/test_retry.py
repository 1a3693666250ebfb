"""Exercise 06b: a task is retried if the mail server can't be reached."""

from contextlib import contextmanager
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected

import pytest
from aiosmtpd.controller import Controller
from django.core.exceptions import ValidationError

from exports import job, tasks
from tests.exporting import ADDRESS
from tests.servers import free_port, wait_for
from tests.workers import enqueue, worker


@pytest.fixture
def run(monkeypatch):
    """Run the task in this process. The job raises these errors, one at each call. Return the number of calls."""

    def run_task(*errors):
        calls, left = [], list(errors)

        def fail(address, filters):
            calls.append((address, filters))
            if left:
                raise left.pop(0)

        monkeypatch.setattr(job, "send_export", fail)
        tasks.send_export.apply([ADDRESS, {"genre": "novel"}])
        assert set(map(str, calls)) == {str((ADDRESS, {"genre": "novel"}))}
        return len(calls)

    return run_task


def test_the_task_runs_again_until_it_succeeds(run):
    assert run(ConnectionRefusedError("no"), SMTPServerDisconnected("no"), TimeoutError("no")) == 4


def test_at_last_it_gives_up(run):
    assert 3 <= run(*[ConnectionRefusedError("no")] * 100) <= 20


@pytest.mark.parametrize("error", [ValidationError("no"), SMTPRecipientsRefused({ADDRESS: (550, b"no such user")})])
def test_what_would_fail_again_is_not_tried_again(run, error):
    assert run(ConnectionRefusedError("no")) == 2
    assert run(error) == 1


def test_it_waits_longer_each_time():
    assert tasks.send_export.retry_backoff


@contextmanager
def busy_smtp():
    """Run a mail server that refuses the first email with a temporary error. Yield its URL and its answers."""
    answers = []

    class Inbox:
        async def handle_DATA(self, server, session, envelope):
            answers.append("250 OK" if answers else "451 Please try again later")
            return answers[-1]

    port = free_port()
    controller = Controller(Inbox(), hostname="127.0.0.1", port=port, ready_timeout=60)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{port}", answers
    finally:
        controller.stop()


@pytest.mark.server
def test_a_worker_tries_again_when_the_mail_server_is_busy(library):
    library.variables["EXPORT_RUNNER"] = "celery"
    with busy_smtp() as (url, answers):
        library.variables["EMAIL_URL"] = url
        enqueue(library, ADDRESS)
        with worker(library) as celery:
            ends = (" succeeded in ", " raised ")
            wait_for(lambda: any(end in celery.log.read_text() for end in ends), "the end of the task")
            assert answers == ["451 Please try again later", "250 OK"]
            assert "Retry in" in celery.log.read_text()
