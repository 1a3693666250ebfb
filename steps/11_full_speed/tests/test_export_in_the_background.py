"""The view and the process that it starts, with a real gunicorn and a real mail server."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.exporting import ADDRESS, logged_in, posix, request_export, silent_smtp, wait_for_jobs
from tests.servers import smtp, wait_for

pytestmark = [
    pytest.mark.server,
    posix,
    pytest.mark.covers("exports", "library/book_csv.py", "tests/exporting.py", "gunicorn.conf.py"),
]


def test_page_email_and_download_have_the_same_bytes(library):
    with smtp() as (url, emails):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            export_id = request_export(client, "?genre=novel")
            (email,) = wait_for(lambda: emails, "the email")
            (attachment,) = email.iter_attachments()
            expected = client.get("/books/download/?genre=novel").content
            assert attachment.get_content() == expected
            assert client.get(f"/exports/{export_id}/download/").content == expected
            assert email["To"] == ADDRESS
            wait_for(lambda: not library.processes(), "the process to end")
            assert [path.name for path in library.files()] == [f"{export_id}-1.csv"]  # nothing else is left
            with logged_in(site, "other") as other:
                assert other.get(f"/exports/{export_id}/download/").status_code == 404


def test_the_view_answers_while_the_job_runs(library):
    with silent_smtp() as (url, connections):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            export_id = request_export(client, "?q=secret+diary")
            wait_for_jobs(connections)
            (process,) = library.processes()
            # Neither the address nor the search is visible.
            assert process.cmdline()[-3:] == ["run_task", "exports.tasks.run_export", f'[["{export_id}"], {{}}]']
            assert os.getsid(process.pid) == process.pid  # a session of its own
            # Neither the site's sockets nor its terminal are open in the process.
            assert [each for each in process.net_connections() if each.status == psutil.CONN_LISTEN] == []
            assert str(Path(f"/proc/{process.pid}/fd/0").readlink()) == os.devnull


def test_the_progress_is_saved_while_the_books_are_read_and_others_write(large_library):
    seen = set()
    with large_library.site() as site, logged_in(site) as client:
        export_id = request_export(client)

        def three_reports():
            large_library.sql("UPDATE auth_user SET last_name = last_name || '.'")
            row = large_library.export(export_id)
            assert row["state"] in ("waiting", "running"), row["error"]
            if row["rows_done"]:
                seen.add((row["rows_done"], row["rows_total"]))
            return len(seen) == 3

        wait_for(three_reports, "three reports")
    assert {total for _, total in seen} == {400_000}
    assert all(done % 10_000 == 0 for done, _ in seen)


def test_the_job_survives_ctrl_c_and_the_end_of_the_server(library):
    with silent_smtp() as (url, connections):
        library.variables["EMAIL_URL"] = url
        # gunicorn also sends SIGQUIT to its workers. A gthread worker that gets both signals at the same moment hangs,
        # and gunicorn kills it after the graceful timeout.
        with library.site("--graceful-timeout=3") as site, logged_in(site) as client:
            request_export(client)
            wait_for_jobs(connections)
            (job,) = library.processes()
            for process in [site.process, *site.process.children(), job]:
                if os.getsid(process.pid) == os.getsid(site.process.pid):  # a terminal signals its own session
                    process.send_signal(signal.SIGINT)
            site.process.wait(timeout=30)
            assert job.is_running() and job.status() != psutil.STATUS_ZOMBIE


def test_the_job_survives_the_worker_that_started_it(library):
    """With --max-requests, gunicorn replaces a worker after so many requests."""
    with silent_smtp() as (url, connections):
        library.variables["EMAIL_URL"] = url
        with library.site("--max-requests=2") as site, logged_in(site) as client:
            (worker,) = site.process.children()
            request_export(client)
            wait_for_jobs(connections)
            (job,) = library.processes()
            wait_for(lambda: client.get("/login/").status_code == 200 and not worker.is_running(), "another worker")
            assert job.is_running() and job.status() != psutil.STATUS_ZOMBIE


def test_the_process_needs_no_path_and_no_active_virtual_environment(library):
    """Popen gets sys.executable, the Python of the virtual environment."""
    library.variables |= {"PATH": "", "VIRTUAL_ENV": ""}
    with library.site() as site, logged_in(site) as client:
        library.wait_for_state(request_export(client), "done")
