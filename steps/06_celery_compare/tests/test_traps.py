"""What a process for each export doesn't survive. Later steps retire these traps."""

import os
import signal
import subprocess
import sys
from functools import partial

import psutil
import pytest

from tests.exporting import ADDRESS, NEW, logged_in, posix, post, silent_smtp, wait_for_jobs
from tests.servers import STEP, environment, free_port, is_alive, program, smtp, wait_for

pytestmark = [pytest.mark.server, posix, pytest.mark.covers("exports", "tests/exporting.py", "gunicorn.conf.py")]


def test_trap_nothing_tells_the_user_that_the_export_failed(library):
    library.variables["EMAIL_URL"] = f"smtp://127.0.0.1:{free_port()}"  # where no mail server is
    with library.site() as site, logged_in(site) as client:
        answer = post(client, NEW)
        assert answer.status_code == 202 and "We'll email the file" in answer.text.replace("&#x27;", "'")
        message = f"CommandError: The export could not be sent to {ADDRESS}: [Errno"
        wait_for(lambda: message in site.log.read_text(), "the line in the server's log")


def test_trap_a_double_click_sends_two_emails(library):
    with smtp() as (url, emails):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            for _ in range(2):
                post(client, NEW)
            wait_for(lambda: len(emails) == 2, "two emails")


def test_trap_twenty_requests_are_twenty_processes(library):
    with silent_smtp() as (url, _):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            for _ in range(20):
                post(client, NEW)
            assert len(library.processes()) == 20  # none can end, because the mail server is silent


def test_trap_a_killed_process_loses_the_export_and_leaves_its_files(library):
    with silent_smtp() as (url, connections):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            post(client, NEW)
            wait_for_jobs(connections)
            (job,) = library.processes()
            job.kill()
            wait_for(lambda: not library.processes(), "the process to end")
            assert "CommandError" not in site.log.read_text()  # the log has nothing
            (left,) = library.files()
            assert left.name.startswith("books-") and left.parent.name.startswith("export-")


def test_trap_a_mail_server_that_accepts_less_than_our_limit_gets_no_link(library):
    with smtp(size_limit=20_000) as (url, emails):
        library.variables["EMAIL_URL"] = url
        done = library.manage("send_export", f"--to={ADDRESS}")
        assert done.returncode == 1 and "552" in done.stderr
        assert emails == []


STARTER = """
import subprocess, sys
options = {"start_new_session": True} if sys.argv[1] == "True" else {}
command = [sys.executable, "manage.py", "send_export", "--to=reader@example.com"]
process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **options)
print(process.pid, flush=True)
input()
"""


@pytest.mark.parametrize("own_session", [False, True])
def test_trap_without_a_session_of_its_own_ctrl_c_ends_the_job(library, own_session):
    with silent_smtp() as (url, connections):
        env = {**environment(library.database), **library.variables, "EMAIL_URL": url}
        command = [sys.executable, "-c", STARTER, str(own_session)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        options = {**pipes, "start_new_session": True}
        # A shell's background jobs ignore Ctrl-C, and children inherit that.
        options["preexec_fn"] = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen(command, cwd=STEP, env=env, **options) as starter:
            try:
                job = psutil.Process(int(starter.stdout.readline()))
                wait_for(lambda: connections or not is_alive(job), "the job at its email")
                assert library.processes() == [job]
                os.killpg(starter.pid, signal.SIGINT)  # as a terminal does on Ctrl-C
                starter.wait()
                if own_session:
                    assert is_alive(job)
                else:
                    wait_for(lambda: not library.processes(), "the job to end")
            finally:
                starter.kill()
                for process in library.processes():
                    process.kill()


def test_trap_other_users_of_the_machine_see_the_address_and_the_search(library):
    user = {"user": "nobody"} if os.geteuid() == 0 else {}
    with silent_smtp() as (url, connections):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            post(client, NEW + "?q=secret+diary")
            wait_for_jobs(connections)
            seen = subprocess.run([program("ps"), "axww", "-o", "args"], capture_output=True, text=True, **user).stdout
            assert f"send_export --to={ADDRESS} --q=secret diary" in seen
