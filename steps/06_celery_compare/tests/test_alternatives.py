"""Why the view uses Popen: what call_command(), subprocess.run(), threads and asyncio do instead."""

import signal
import sys
import threading
from http.client import HTTPException

import httpx
import psutil
import psycopg
import pytest

from tests.exporting import posix, silent_smtp, wait_for_jobs
from tests.servers import answers, environment, free_port, gunicorn, is_alive, postgresql, process, wait_for

pytestmark = [
    pytest.mark.server,
    posix,
    pytest.mark.covers("exports/job.py", "tests/alternatives.py", "tests/exporting.py", "gunicorn.conf.py"),
]

ALTERNATIVES = {"settings": "tests.settings_alternatives"}


@pytest.fixture
def jobs(library):
    """The connections of the jobs that wait at their email."""
    with silent_smtp() as (url, connections):
        library.variables["EMAIL_URL"] = url
        yield connections


@pytest.mark.parametrize("path", ["/call_command/", "/run/"])
def test_call_command_and_subprocess_run_block_the_request(library, jobs, path):
    """The request is still open when the job waits at its email. When the worker is killed, it gets no answer."""
    answers = []
    with library.site(**ALTERNATIVES) as site:

        def request():
            try:
                answers.append(site.get(path)[0])
            except (HTTPException, OSError):
                answers.append("none")

        thread = threading.Thread(target=request)
        thread.start()
        wait_for(lambda: jobs or answers, "the job at its email")
        assert answers == []
        for worker in site.process.children():
            worker.kill()
        thread.join()
        assert answers == ["none"]


@pytest.mark.parametrize("path", ["/popen/", "/thread/", "/daemon/"])
def test_popen_and_threads_return_while_the_job_runs(library, jobs, path):
    with library.site(**ALTERNATIVES) as site:
        assert site.get(path)[0] == 202  # the job can't end, because the mail server is silent
        wait_for_jobs(jobs)


@pytest.mark.parametrize(
    "path, how, survives",
    [
        ("/popen/", signal.SIGKILL, True),
        ("/popen/", signal.SIGTERM, True),
        ("/thread/", signal.SIGTERM, True),
        ("/thread/", signal.SIGKILL, False),
        ("/daemon/", signal.SIGTERM, False),
    ],
)
def test_a_process_survives_the_worker_and_a_thread_depends_on_the_signal(library, jobs, path, how, survives):
    with library.site(**ALTERNATIVES) as site:
        assert site.get(path)[0] == 202
        wait_for_jobs(jobs)
        (worker,) = site.process.children()
        jobs_connection = jobs[0]
        job = holder_of(jobs_connection)
        worker.send_signal(how)
        if job == worker.pid and not survives:
            wait_for(lambda: not is_alive(worker), "the worker to end")
        elif job == worker.pid:
            # gunicorn would kill the worker after its graceful timeout. Until then the thread runs on.
            with pytest.raises(psutil.TimeoutExpired):
                worker.wait(timeout=2)
        else:
            wait_for(lambda: not is_alive(worker), "the worker to end")
        is_open = not is_closed(jobs_connection)
        assert is_open == survives


def holder_of(connection):
    """Return the id of the process at the other end of the connection."""
    ends = connection.getpeername()[1], connection.getsockname()[1]
    sockets = [each for each in psutil.net_connections("tcp") if each.raddr]
    (pid,) = {each.pid for each in sockets if (each.laddr.port, each.raddr.port) == ends}
    return pid


def is_closed(connection):
    """Return whether the process at the other end has closed the connection, as it does when it ends."""
    connection.settimeout(1)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_under_wsgi_a_task_of_asyncio_is_cancelled_when_the_view_returns(library):
    with library.site(**ALTERNATIVES) as site:
        assert site.get("/create_task/")[0] == 202
        wait_for(lambda: "The job was cancelled." in site.log.read_text(), "the end of the job")


def test_under_asgi_a_task_of_asyncio_runs_on_and_dies_with_the_server(library, tmp_path):
    """When the server ends, the job gets no CancelledError, so it can't clean up."""
    port, log = free_port(), tmp_path / "uvicorn.log"
    command = [sys.executable, "-m", "uvicorn", "--factory", "django.core.asgi:get_asgi_application", f"--port={port}"]
    env = {**environment(library.database), "DJANGO_SETTINGS_MODULE": ALTERNATIVES["settings"]}
    with log.open("wb") as output, process(command, env=env, stdout=output, stderr=output) as server:
        wait_for(lambda: answers(port), "uvicorn")
        for path in ("create_task", "books"):
            assert httpx.get(f"http://127.0.0.1:{port}/{path}/").is_success
        assert "The job was cancelled." not in log.read_text()
        server.terminate()
        server.wait()
        assert "The job was cancelled." not in log.read_text()


@pytest.mark.services
def test_a_threads_database_connection_stays_open_until_garbage_collection(tmp_path):
    """Django closes the connections of a request's thread, and of no other."""
    config = tmp_path / "gunicorn.conf.py"
    config.write_text("def post_worker_init(worker):\n    import gc\n    gc.disable()\n")
    with postgresql() as url, psycopg.connect(url, autocommit=True) as connection:
        with gunicorn(url, tmp_path / "log", f"--config={config}", "config.wsgi", **ALTERNATIVES) as site:
            pid = int(site.get("/session/")[1])
            assert site.get("/books/")[0] == 200
            query = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
            assert connection.execute(query, [pid]).fetchone() == (1,)
