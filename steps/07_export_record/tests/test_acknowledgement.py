"""A task whose worker is killed, with a real broker: the email is sent once, but the export stays running."""

import socket
import threading
import uuid
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.brokers import redis
from tests.servers import free_port, smtp, wait_for
from tests.workers import enqueue, worker

pytestmark = [pytest.mark.server, pytest.mark.services, pytest.mark.covers("exports", "config", "tests/workers.py")]

# Redis delivers a task again after the visibility timeout. The default is an hour, these are seconds.
TRANSPORT = {"visibility_timeout": 1, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}
LATE = {"TASK_ACKS_LATE": True, "BROKER_TRANSPORT_OPTIONS": {**TRANSPORT, "unacked_mutex_expire": 2}}


@pytest.fixture(scope="module")
def redis_variables():
    """A queue for these tests alone. Otherwise an unacknowledged task reaches the next test."""
    with redis() as (url, _):
        yield {"EXPORT_RUNNER": "celery", "CELERY_BROKER_URL": url}


@pytest.fixture
def variables(redis_variables):
    return {**redis_variables, "CELERY_TASK_DEFAULT_QUEUE": uuid.uuid4().hex}


@contextmanager
def smtp_that_hangs_at_quit():
    """Run a mail server that accepts each email and then says nothing. Yield its URL and the list of emails."""
    emails = []

    def serve(connection):
        with connection, connection.makefile("rwb", buffering=0) as stream, suppress(OSError):
            stream.write(b"220 ready\r\n")
            lines, in_data = [], False
            while line := stream.readline():
                if in_data:
                    lines.append(line)
                    if line == b".\r\n":
                        in_data = False
                        emails.append(b"".join(lines))
                        stream.write(b"250 OK\r\n")
                elif line.upper().startswith(b"DATA"):
                    in_data = True
                    stream.write(b"354 go on\r\n")
                elif not line.upper().startswith(b"QUIT"):
                    stream.write(b"250 OK\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            with suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=[server.accept()[0]], daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"smtp://127.0.0.1:{server.getsockname()[1]}", emails
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_task_that_is_delivered_again_sends_no_second_email(library, variables):
    """The worker is killed after the email has been sent, and before it has acknowledged the task."""
    library.variables |= variables
    with smtp_that_hangs_at_quit() as (url, emails):
        library.variables["EMAIL_URL"] = url
        export_id = enqueue(library)
        with worker(library, **LATE) as killed:
            wait_for(lambda: len(emails) == 1, "the email")
            killed.kill()
    with smtp() as (url, emails):
        library.variables["EMAIL_URL"] = url
        with worker(library, **LATE) as second:
            wait_for(lambda: f"Export {export_id} isn't waiting" in second.log.read_text(), "the second delivery")
        assert emails == []
    assert library.export(export_id)["state"] == "done"


def test_trap_an_export_whose_worker_was_killed_is_running_forever(large_library, variables):
    """The broker delivers the task again, but nothing tells the second worker that the first is dead."""
    large_library.variables |= variables
    export_id = enqueue(large_library)
    with worker(large_library, **LATE) as killed:
        wait_for(lambda: large_library.export(export_id)["rows_done"], "the first books")
        killed.kill()
    with worker(large_library, **LATE) as second:
        wait_for(lambda: f"Export {export_id} isn't waiting" in second.log.read_text(), "the second delivery")
    assert large_library.export(export_id)["state"] == "running"


@pytest.mark.covers("config/celery.py", "config/settings.py")
def test_a_worker_takes_tasks_again_after_redis_was_restarted(library):
    port = free_port()
    with smtp() as (url, emails), ExitStack() as stack:
        library.variables |= {"EXPORT_RUNNER": "celery", "EMAIL_URL": url}
        with redis(port) as (library.variables["CELERY_BROKER_URL"], _):
            celery = stack.enter_context(worker(library))
        wait_for(lambda: "Connection to broker lost" in celery.log.read_text(), "the worker to notice it")
        with redis(port):
            enqueue(library)
            wait_for(lambda: emails, "the email")
