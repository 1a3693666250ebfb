"""What happens to a task whose worker is killed, with real brokers: lost, or run again."""

import socket
import threading
import uuid
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.brokers import rabbitmq, redis
from tests.exporting import ADDRESS, silent_smtp, wait_for_jobs
from tests.servers import free_port, smtp, wait_for
from tests.workers import enqueue, worker

pytestmark = [pytest.mark.server, pytest.mark.services, pytest.mark.covers("exports", "config", "tests/workers.py")]

EARLY = {"TASK_ACKS_LATE": False}  # Celery's default
LATE = {"TASK_ACKS_LATE": True}
LAST = "last@example.com"  # the address of a later task, which shows that the queue is empty


@pytest.fixture(scope="module")
def redis_url():
    with redis() as (url, _):
        yield url


@pytest.fixture(scope="module")
def virtual_hosts():
    with rabbitmq() as urls:
        yield urls


@pytest.fixture(params=["files", "redis", pytest.param("rabbitmq", marks=pytest.mark.slow)])
def celery_library(request, library):
    """A library with a queue for this test alone. Otherwise an unacknowledged task reaches the next test."""
    library.variables |= {"EXPORT_RUNNER": "celery", "CELERY_TASK_DEFAULT_QUEUE": uuid.uuid4().hex}
    if request.param == "redis":
        library.variables["CELERY_BROKER_URL"] = request.getfixturevalue("redis_url")
    if request.param == "rabbitmq":
        library.variables["CELERY_BROKER_URL"] = next(request.getfixturevalue("virtual_hosts"))
    library.broker = request.param
    return library


def options_for(library, **options):
    """Return Celery's options. Redis delivers a task again after the visibility timeout, an hour by default."""
    if library.broker == "redis":
        transport = {"visibility_timeout": 1, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}
        options["BROKER_TRANSPORT_OPTIONS"] = {**transport, "unacked_mutex_expire": 2}  # seconds
    return options


def addresses(emails):
    return [email["To"] for email in emails]


def test_trap_acknowledged_early_a_killed_worker_loses_the_task(celery_library):
    with silent_smtp() as (url, connections):
        celery_library.variables["EMAIL_URL"] = url
        enqueue(celery_library, ADDRESS)
        with worker(celery_library, **options_for(celery_library, **EARLY)) as killed:
            wait_for_jobs(connections)
            killed.kill()
    with smtp() as (url, emails):
        celery_library.variables["EMAIL_URL"] = url
        enqueue(celery_library, LAST)
        with worker(celery_library, **options_for(celery_library, **EARLY)):
            wait_for(lambda: LAST in addresses(emails), "the last task")
        assert addresses(emails) == [LAST]


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


def test_trap_acknowledged_late_the_email_can_arrive_twice(celery_library):
    """The worker is killed after the email has been sent, and before it has acknowledged the task."""
    with smtp_that_hangs_at_quit() as (url, emails):
        celery_library.variables["EMAIL_URL"] = url
        enqueue(celery_library, ADDRESS)
        with worker(celery_library, **options_for(celery_library, **LATE)) as killed:
            wait_for(lambda: len(emails) == 1, "the email")
            killed.kill()
    with smtp() as (url, emails):
        celery_library.variables["EMAIL_URL"] = url
        with worker(celery_library, **options_for(celery_library, **LATE)):
            if celery_library.broker == "files":  # the broker without a server never delivers a task again
                enqueue(celery_library, LAST)
                wait_for(lambda: LAST in addresses(emails), "the last task")
                assert addresses(emails) == [LAST]
            else:
                wait_for(lambda: emails, "the second email")


@pytest.mark.parametrize("celery_library", ["redis"], indirect=True)
@pytest.mark.parametrize(
    "options, runs_again",
    [
        pytest.param(LATE, False, marks=pytest.mark.slow),
        ({**LATE, "TASK_REJECT_ON_WORKER_LOST": True}, True),
    ],
    ids=["late", "late and reject"],
)
def test_a_task_whose_child_is_killed_runs_again_only_with_reject_on_worker_lost(celery_library, options, runs_again):
    with silent_smtp() as (url, connections):
        celery_library.variables["EMAIL_URL"] = url
        enqueue(celery_library, ADDRESS)
        options = {**options, "WORKER_PREFETCH_MULTIPLIER": 1}
        with worker(celery_library, **options) as celery:
            wait_for_jobs(connections)
            celery.child().kill()
            wait_for(lambda: "WorkerLostError" in celery.log.read_text(), "the worker to see it")
            if not runs_again:
                enqueue(celery_library, LAST)
            wait_for_jobs(connections, 2)
            assert celery.received() == 2
            assert celery.log.read_text().count("WorkerLostError") >= 1


@pytest.mark.parametrize("celery_library", ["redis"], indirect=True)
def test_trap_redis_delivers_a_task_again_that_takes_longer_than_the_visibility_timeout(celery_library):
    with silent_smtp() as (url, connections):
        celery_library.variables["EMAIL_URL"] = url
        enqueue(celery_library, ADDRESS)
        with worker(celery_library, **options_for(celery_library, **LATE)):
            wait_for_jobs(connections)
            with worker(celery_library, **options_for(celery_library, **LATE)):
                wait_for_jobs(connections, 2)  # the same export twice at a time


@pytest.mark.parametrize("celery_library", ["redis"], indirect=True)
@pytest.mark.parametrize("prefetch", [4, 1])
def test_trap_a_busy_worker_holds_tasks_while_another_has_nothing_to_do(celery_library, prefetch):
    options = {**LATE, "WORKER_PREFETCH_MULTIPLIER": prefetch}
    with silent_smtp() as (url, connections):
        celery_library.variables["EMAIL_URL"] = url
        enqueue(celery_library, ADDRESS, LAST)
        with worker(celery_library, **options) as busy:
            wait_for_jobs(connections)
            if prefetch == 4:
                wait_for(lambda: busy.received() == 2, "the second task to be held")
            with worker(celery_library, **options) as idle:
                if prefetch == 1:
                    wait_for_jobs(connections, 2)
                assert idle.received() == (1 if prefetch == 1 else 0)


@pytest.mark.covers("config/celery.py", "config/settings.py")
def test_a_worker_takes_tasks_again_after_redis_was_restarted(library):
    port = free_port()
    with smtp() as (url, emails), ExitStack() as stack:
        library.variables |= {"EXPORT_RUNNER": "celery", "EMAIL_URL": url}
        with redis(port) as (library.variables["CELERY_BROKER_URL"], _):
            celery = stack.enter_context(worker(library))
        wait_for(lambda: "Connection to broker lost" in celery.log.read_text(), "the worker to notice it")
        with redis(port):
            enqueue(library, ADDRESS)
            wait_for(lambda: emails, "the email")
