"""The database backend: a task is a row, which a worker finds. With a real worker."""

import signal
import socket

import pytest

from tests.db_workers import db_worker
from tests.exporting import NEW, logged_in, post, request_export, silent_smtp, wait_for_jobs
from tests.servers import smtp, wait_for

pytestmark = [pytest.mark.server, pytest.mark.covers("exports", "config/settings.py", "tests/exporting.py")]


@pytest.fixture
def library(library):
    library.variables["EXPORT_RUNNER"] = "database"
    return library


def tasks(library):
    """Return the status of each task, in the order in which they were enqueued."""
    return [
        row["status"]
        for row in library.sql("SELECT status FROM django_tasks_database_dbtaskresult ORDER BY enqueued_at")
    ]


def test_a_task_waits_in_the_database_until_a_worker_runs_it(library):
    del library.variables["EXPORT_RUNNER"]  # this backend is the default
    with smtp() as (url, emails):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            export_id = request_export(client, "?genre=novel")
            assert (library.export(export_id)["state"], tasks(library)) == ("waiting", ["READY"])
            with db_worker(library):
                (email,) = wait_for(lambda: emails, "the email")
                wait_for(lambda: tasks(library) == ["SUCCESSFUL"], "the end of the task")
            (attachment,) = email.iter_attachments()
            expected = client.get("/books/download/?genre=novel").content
            assert attachment.get_content() == expected == client.get(f"/exports/{export_id}/download/").content


def test_the_export_and_its_task_are_saved_together_or_not_at_all(library):
    refuse = "BEFORE INSERT ON django_tasks_database_dbtaskresult BEGIN SELECT RAISE(ABORT, 'no more tasks'); END"
    with library.site() as site, logged_in(site) as client:
        library.sql(f"CREATE TRIGGER refuse {refuse}")
        assert post(client, NEW).status_code == 500
        assert library.sql("SELECT * FROM exports_export") == [] == tasks(library)
        library.sql("DROP TRIGGER refuse")
        request_export(client)
        assert len(library.sql("SELECT * FROM exports_export")) == 1 == len(tasks(library))


def test_two_workers_run_each_export_once(library):
    with library.site() as site, logged_in(site) as client:
        for number in range(10):
            request_export(client, f"?q={number}")
        with db_worker(library, "--max-tasks=5") as one, db_worker(library, "--max-tasks=5") as other:
            wait_for(lambda: tasks(library) == ["SUCCESSFUL"] * 10, "all tasks")
    assert [worker.log.read_text().count(" is done: ") for worker in (one, other)] == [5, 5]


def test_sigterm_lets_a_worker_finish_its_export(library):
    with silent_smtp() as (url, connections):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client, db_worker(library) as worker:
            request_export(client)
            wait_for_jobs(connections)
            worker.process.send_signal(signal.SIGTERM)
            wait_for(lambda: "shutting down gracefully" in worker.log.read_text(), "the worker to notice")
            assert tasks(library) == ["RUNNING"]
            connections[0].shutdown(socket.SHUT_RDWR)  # the mail server ends the connection
            worker.process.wait()
            assert tasks(library)[0] == "SUCCESSFUL"


def test_trap_without_tasks_in_the_settings_the_request_waits_for_the_task(library):
    """Django's default is ImmediateBackend. On SQLite, the job waits for the transaction of its own request."""
    with library.site(settings="tests.settings_no_tasks") as site, logged_in(site) as client:
        export_id = request_export(client)
        assert "database is locked" in site.log.read_text()
        assert client.get(f"/exports/{export_id}/").status_code == 404  # its transaction was rolled back
