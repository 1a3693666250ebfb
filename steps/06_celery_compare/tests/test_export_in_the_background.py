"""The view and the process that it starts, with a real gunicorn and a real mail server."""

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.exporting import ADDRESS, NEW, logged_in, posix, post, silent_smtp, wait_for_jobs
from tests.servers import smtp, wait_for

pytestmark = [
    pytest.mark.server,
    posix,
    pytest.mark.covers("exports", "library/book_csv.py", "tests/exporting.py", "gunicorn.conf.py"),
]


def test_the_email_has_the_bytes_of_the_download(library):
    with smtp() as (url, emails):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            assert post(client, NEW + "?genre=novel").status_code == 202
            (email,) = wait_for(lambda: emails, "the email")
            (attachment,) = email.iter_attachments()
            assert attachment.get_content() == client.get("/books/download/?genre=novel").content
            assert email["To"] == ADDRESS
            wait_for(lambda: not library.processes(), "the process to end")
            assert library.files() == []


def test_the_view_answers_while_the_job_runs(library):
    with silent_smtp() as (url, connections):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            assert post(client, NEW).status_code == 202
            wait_for_jobs(connections)
            (process,) = library.processes()
            assert process.cmdline()[-1] == f"--to={ADDRESS}"
            assert os.getsid(process.pid) == process.pid  # a session of its own
            # Neither the site's sockets nor its terminal are open in the process.
            assert [each for each in process.net_connections() if each.status == psutil.CONN_LISTEN] == []
            assert str(Path(f"/proc/{process.pid}/fd/0").readlink()) == os.devnull


def test_the_job_survives_ctrl_c_and_the_end_of_the_server(library):
    with silent_smtp() as (url, connections):
        library.variables["EMAIL_URL"] = url
        # gunicorn also sends SIGQUIT to its workers. A gthread worker that gets both signals at the same moment hangs,
        # and gunicorn kills it after the graceful timeout.
        with library.site("--graceful-timeout=3") as site, logged_in(site) as client:
            post(client, NEW)
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
            post(client, NEW)
            wait_for_jobs(connections)
            (job,) = library.processes()
            wait_for(lambda: client.get("/login/").status_code == 200 and not worker.is_running(), "another worker")
            assert job.is_running() and job.status() != psutil.STATUS_ZOMBIE


def test_sigterm_stops_the_job_and_removes_its_files(library):
    with silent_smtp() as (url, connections):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            post(client, NEW)
            wait_for_jobs(connections)
            (job,) = library.processes()
            assert len(library.files()) == 1
            job.terminate()
            wait_for(lambda: "CommandError: Stopped. No email was sent." in site.log.read_text(), "the message")
            assert library.files() == []


def test_the_process_needs_no_path_and_no_active_virtual_environment(library):
    """Popen gets sys.executable, the Python of the virtual environment."""
    with smtp() as (url, emails):
        library.variables |= {"EMAIL_URL": url, "PATH": "", "VIRTUAL_ENV": ""}
        with library.site() as site, logged_in(site) as client:
            post(client, NEW)
            wait_for(lambda: emails, "the email")


def test_the_command_reports_an_error_in_one_line(library):
    done = library.manage("send_export", f"--to={ADDRESS}", "--genre=cookery", stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: --genre: ") and len(done.stderr.splitlines()) == 1
