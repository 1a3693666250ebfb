"""Exports whose worker is killed, with each backend, real workers and the real reaper."""

import signal

import pytest

from tests.db_workers import db_worker
from tests.exporting import logged_in, posix, request_export, silent_smtp, wait_for_jobs
from tests.servers import free_port, smtp, wait_for
from tests.workers import worker

pytestmark = [pytest.mark.server, posix, pytest.mark.covers("exports", "backends", "tests/exporting.py")]


def end_leases(library):
    """Move all leases to the past, as if their time was over."""
    for table in ("export", "delivery"):
        library.sql(f"UPDATE exports_{table} SET lease_until = '2000-01-01'")


def shorten(library):
    """Let the next try export fewer books, so that the test needn't wait for all of them."""
    library.sql("""UPDATE exports_export SET filters = '{"genre": "poetry", "published_from": "2010-01-01"}'""")


def reap(library):
    done = library.manage("reap_exports")
    assert done.returncode == 0, done.stderr
    return done.stdout


def kill(library, workers):
    """Kill the worker, or the process of the export."""
    for each in workers:
        each.kill()
    for process in library.processes():
        process.kill()
    wait_for(lambda: not library.processes(), "the process to end")


def start_worker(library, backend, stack):
    """Return the workers of this backend. The subprocess backend has none."""
    start = {"database": db_worker, "celery": worker}.get(backend)
    return [stack.enter_context(start(library))] if start else []


# The job is killed in write_csv(), so a change of the library needs this test again. One backend is enough for that.
WRITES = pytest.mark.covers("exports", "backends", "library", "tests/exporting.py")


@pytest.mark.parametrize("backend", ["database", pytest.param("subprocess", marks=WRITES), "celery"])
def test_an_export_whose_worker_is_killed_is_started_again(large_library, backend, exit_stack):
    large_library.variables["EXPORT_RUNNER"] = backend
    with smtp() as (url, emails):
        large_library.variables["EMAIL_URL"] = url
        with large_library.site() as site, logged_in(site) as client:
            workers = start_worker(large_library, backend, exit_stack)
            export_id = request_export(client, "?published_from=1990-01-01")
            wait_for(lambda: large_library.export(export_id)["rows_done"], "the first books")
            kill(large_library, workers)
            assert reap(large_library) == ""  # the lease isn't over yet
            end_leases(large_library)
            shorten(large_library)
            assert "has stopped unexpectedly" in client.get(f"/exports/{export_id}/").text
            assert reap(large_library) == "Overdue: 1 exports, 0 emails.\n"
            start_worker(large_library, backend, exit_stack)
            row = large_library.wait_for_state(export_id, "done")
            assert (row["token"], row["tries_left"], row["rows_done"]) == (2, 3, row["rows_total"])
            wait_for(lambda: emails, "the email")
            download = client.get(f"/exports/{export_id}/download/").content
            assert download.count(b",979") == row["rows_total"]
    assert len(emails) == 1


def test_a_process_that_is_killed_before_its_claim_is_started_again(library):
    with library.site() as site, logged_in(site) as client:
        export_id = request_export(client)
        (process,) = wait_for(library.processes, "the process")
        process.kill()
        wait_for(lambda: not library.processes(), "the process to end")
        assert library.export(export_id)["state"] == "waiting"
        end_leases(library)
        assert reap(library) == "Overdue: 1 exports, 0 emails.\n"
        library.wait_for_state(export_id, "done")


def test_a_row_that_another_program_has_added_without_a_lease_is_started(library):
    export_id = library.add_export(genre="novel")
    wait_for(lambda: reap(library) == "Overdue: 1 exports, 0 emails.\n", "the reaper")
    library.wait_for_state(export_id, "done")


def test_a_process_that_is_killed_at_its_email_is_not_known_to_have_sent_it(library):
    with silent_smtp() as (url, connections):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            export_id = request_export(client)
            wait_for_jobs(connections)  # it has opened the connection, and waits for the server's greeting
            (job,) = library.processes()
            job.kill()
            wait_for(lambda: not library.processes(), "the process to end")
            assert library.export(export_id)["state"] == "done"
    with smtp() as (url, emails):
        library.variables["EMAIL_URL"] = url
        end_leases(library)
        assert reap(library) == "Overdue: 0 exports, 1 emails.\n"
        wait_for(lambda: emails, "the email")  # nothing was sent before the claim, so another process may send it


def test_a_process_that_was_suspended_and_comes_back_changes_nothing(large_library):
    with large_library.site() as site, logged_in(site) as client:
        export_id = request_export(client)
        wait_for(lambda: large_library.export(export_id)["rows_done"], "the first books")
        (old,) = large_library.processes()
        old.suspend()
        end_leases(large_library)
        shorten(large_library)
        assert reap(large_library) == "Overdue: 1 exports, 0 emails.\n"
        row = large_library.wait_for_state(export_id, "done")
        old.resume()
        wait_for(lambda: "has lost its lease, so try 1 ends here" in site.log.read_text(), "the old process")
        assert large_library.export(export_id) == row
        files = [path for path in (large_library.folder / "data" / "files").rglob("*") if path.is_file()]
        assert [path.name for path in files] == [f"{export_id}-2.csv"]


def test_sigterm_gives_the_export_back_and_the_reaper_starts_it_again(large_library):
    large_library.variables["EXPORT_BACKOFF"] = "1"
    with large_library.site() as site, logged_in(site) as client:
        export_id = request_export(client)
        wait_for(lambda: large_library.export(export_id)["rows_done"], "the first books")
        (job,) = large_library.processes()
        job.send_signal(signal.SIGTERM)
        large_library.wait_for_state(export_id, "waiting")
        assert "Try 1 failed. The next one starts soon." in client.get(f"/exports/{export_id}/").text
        wait_for(lambda: not large_library.processes(), "the process to end")
        assert [path for path in large_library.files() if path.suffix == ".csv"] == []
        shorten(large_library)
        wait_for(lambda: reap(large_library), "the lease to end")
        large_library.wait_for_state(export_id, "done")


@pytest.mark.parametrize(
    "scheme", ["redis://127.0.0.1:{}/0", pytest.param("amqp://127.0.0.1:{}//", marks=pytest.mark.slow)]
)
def test_an_export_that_found_no_broker_is_started_when_the_broker_is_back(library, scheme):
    library.variables |= {"EXPORT_RUNNER": "celery", "CELERY_BROKER_URL": scheme.format(free_port())}
    with library.site() as site, logged_in(site) as client:
        export_id = request_export(client)
        assert library.export(export_id)["state"] == "waiting"
        assert "could not be started" in site.log.read_text()
    library.variables["CELERY_BROKER_URL"] = ""  # files
    end_leases(library)
    assert reap(library) == "Overdue: 1 exports, 0 emails.\n"
    with worker(library):
        library.wait_for_state(export_id, "done")


def test_without_tables_the_reaper_names_the_command_that_creates_them(library, tmp_path):
    library.database = tmp_path / "empty.sqlite3"
    done = library.manage("reap_exports")
    assert done.returncode == 1
    assert "no such table" in done.stderr and "manage.py migrate" in done.stderr and "Traceback" not in done.stderr
