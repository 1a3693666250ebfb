"""Real servers for the tests: on free ports of this machine, ended by the process we started."""

import email
import email.policy
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import psycopg
import pytest
from aiosmtpd.controller import Controller

STEP = Path(__file__).resolve().parent.parent


def environment(database):
    """The environment of a process of this step that uses `database`, a SQLite file or a URL."""
    url = database if "://" in str(database) else f"sqlite:///{database}"
    # Buffered, as a user's Python is: what is left in a buffer when a process ends is worth a test. And with bytecode,
    # which saves each process half of its start.
    left_out = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")
    ours = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**ours, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}


def manage(database, *arguments, variables=(), **options):
    """Run `manage.py` as a process of its own and return it, with its output as text."""
    command = [sys.executable, STEP / "manage.py", *map(str, arguments)]
    options = {"cwd": STEP, "capture_output": True, "text": True, **options}
    return subprocess.run(command, env={**environment(database), **dict(variables)}, **options)


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
    started = psutil.Popen(command, **{"cwd": STEP, **options})
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
def gunicorn(database, log, *options, settings="config.settings", variables=(), folder=STEP):
    """This step under gunicorn, with its own gunicorn.conf.py and one worker, plus `options`."""
    command = [sys.executable, "-m", "gunicorn", "--bind=127.0.0.1:0", "--workers=1", "--access-logfile=-", *options]
    env = {**environment(database), "DJANGO_SETTINGS_MODULE": settings, **dict(variables)}
    with log.open("wb") as output, process(command, cwd=folder, env=env, stdout=output, stderr=output) as started:
        ready = re.compile(r"Listening at: http://127.0.0.1:(\d+).*Booting worker", re.DOTALL)
        port = wait_for(lambda: ready.search(log.read_text()), "gunicorn").group(1)
        yield Site(int(port), log, started)


def program(name, *folders, first=False):
    """Return the path of a program. Look into `folders` last, or first. Skip the test if it isn't installed."""
    places = [os.environ["PATH"], "/usr/sbin"]
    places = [*map(str, folders), *places] if first else [*places, *map(str, folders)]
    path = shutil.which(name, path=os.pathsep.join(places))
    return path or pytest.skip(f"needs the program {name}, which is not installed")


def free_port():
    """A free port, below those that systems lend to connections: one of them could take it before our server does."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr info;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {server}
}}
"""


@contextmanager
def nginx(upstream, folder, server):
    """nginx in front of the site `upstream`; `server` is a server block with {port} and {upstream}."""
    folder.mkdir()
    port, log, configuration = free_port(), folder / "error.log", folder / "nginx.conf"
    server = server.replace("{port}", str(port)).replace("{upstream}", str(upstream.port))
    configuration.write_text(NGINX.format(folder=folder, server=server))
    command = [program("nginx"), "-p", str(folder), "-c", str(configuration)]
    with log.open("wb") as output, process(command, stdout=output, stderr=output) as started:
        wait_for(lambda: answers(port) or started.poll() is not None, "nginx")
        assert started.poll() is None, log.read_text()
        yield Site(port, log, started)


@contextmanager
def postgresql(backup=None):
    """A new PostgreSQL server; gives the URL of its database. As root it runs as the user postgres.

    `backup` is a folder that pg_basebackup has filled.
    """
    initdb, server = (program(name, *Path("/usr/lib/postgresql").glob("*/bin")) for name in ("initdb", "postgres"))
    user = {"user": "postgres"} if os.name == "posix" and os.geteuid() == 0 else {}
    port = free_port()
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryFile() as log:
        if backup:
            shutil.copytree(backup, data, dirs_exist_ok=True)
        for path in [Path(data), *Path(data).rglob("*")] if user else []:
            shutil.chown(path, **user)
        if not backup:
            create = [initdb, "--pgdata", data, "--auth=trust", "--username=library", "--encoding=UTF8", "--no-sync"]
            created = subprocess.run(create, capture_output=True, text=True, cwd=data, **user)
            assert created.returncode == 0, created.stderr
        settings = ["listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "fsync=off"]
        command = [server, "-D", data, *(word for setting in settings for word in ("-c", setting))]
        url = f"postgres://library@127.0.0.1:{port}/postgres"
        with process(command, stdout=log, stderr=log, **user):
            wait_for(lambda: accepts_logins(url), "PostgreSQL")
            yield url


def accepts_logins(url):
    with suppress(psycopg.OperationalError), psycopg.connect(url):
        return True


@contextmanager
def smtp(size_limit=None):
    """A mail server; gives its URL for EMAIL_URL and the list of mails that have arrived."""
    mails = []

    class Inbox:
        async def handle_DATA(self, server, session, envelope):
            mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
            return "250 OK"

    port = free_port()
    options = {"data_size_limit": size_limit, "ready_timeout": 60}
    controller = Controller(Inbox(), hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{port}", mails
    finally:
        controller.stop()


@contextmanager
def http(answer):
    """A web server; gives its URL. It answers each path with the status and the bytes of `answer(path)`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
