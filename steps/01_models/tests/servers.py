"""Real servers for the tests: on free ports of this machine, ended by the process we started."""

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import psutil

STEP = Path(__file__).resolve().parent.parent


def environment(database):
    """The environment of a process of this step that uses `database`, a SQLite file or a URL."""
    url = database if "://" in str(database) else f"sqlite:///{database}"
    # With bytecode, which saves each process half of its start.
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**ours, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}


def manage(database, *arguments, **options):
    """Run `manage.py` as a process of its own and return it, with its output as text."""
    command = [sys.executable, "manage.py", *map(str, arguments)]
    return subprocess.run(command, cwd=STEP, env=environment(database), capture_output=True, text=True, **options)


def make_database(path, books):
    """Migrate a database and seed it with `books` books."""
    for arguments in (["migrate", "--verbosity=0"], ["seed_books", books]):
        done = manage(path, *arguments)
        assert done.returncode == 0, done.stderr
    return path


@dataclass
class Site:
    """A web server that runs: where it listens, what it logs, and its process."""

    port: int
    log: Path
    process: psutil.Process

    @contextmanager
    def open(self, path, **headers):
        """Send GET and give the response, of which only the head has been read."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            connection.request("GET", path, headers=headers)
            with connection.getresponse() as response:
                yield response

    def get(self, path, **headers):
        """Send GET and return status and body, read to the end."""
        with self.open(path, **headers) as response:
            return response.status, response.read()


@contextmanager
def process(command, **options):
    """A process of this step that runs until the block ends, then is stopped, with its children."""
    started = psutil.Popen(command, cwd=STEP, **options)
    try:
        yield started
    finally:
        family = [started, *started.children(recursive=True)] if started.is_running() else []
        for each in family[:1]:
            each.terminate()
        deadline = time.monotonic() + 5
        while (alive := [each for each in family if is_alive(each)]) and time.monotonic() < deadline:
            time.sleep(0.01)
        for late in alive:
            with suppress(psutil.NoSuchProcess):
                late.kill()
        started.wait()


def is_alive(process):
    """Return whether the process runs. A zombie doesn't.

    If its parent has ended too, a zombie stays until process 1 calls wait(). In a container, that can take seconds.
    """
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def wait_for(condition, what, seconds=60):
    """Ask until the answer is true, and return it; fail with `what` if it never is."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)
    return answer


@contextmanager
def peak_memory(process):
    """A list whose only number, after the block, is the most memory the process held (RSS, bytes)."""
    peak, over = [process.memory_info().rss], threading.Event()

    def watch():
        while not over.wait(0.005) and process.is_running():
            with suppress(psutil.NoSuchProcess):
                peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


@contextmanager
def gunicorn(database, log, *options, settings="config.settings", variables=()):
    """This step under gunicorn, with its own gunicorn.conf.py and one worker, plus `options`."""
    command = [sys.executable, "-m", "gunicorn", "--bind=127.0.0.1:0", "--workers=1", "--access-logfile=-", *options]
    env = {**environment(database), "DJANGO_SETTINGS_MODULE": settings, **dict(variables)}
    with log.open("wb") as output, process(command, env=env, stdout=output, stderr=output) as started:
        ready = re.compile(r"Listening at: http://127.0.0.1:(\d+).*Booting worker", re.DOTALL)
        port = wait_for(lambda: ready.search(log.read_text()), "gunicorn").group(1)
        yield Site(int(port), log, started)
