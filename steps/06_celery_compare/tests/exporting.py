"""Helpers for the tests of exports: a library with users, its site, and the processes that it starts."""

import os
import socket
import sqlite3
import threading
import uuid
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.db import SessionStore

from tests.servers import gunicorn, manage, wait_for

NEW = "/exports/new/"
ADDRESS = "reader@example.com"
ADD_READER = """
from django.contrib.auth.models import User
User.objects.create_user("reader", "reader@example.com", "reader")
"""


def add_reader(database):
    """Add the user `reader`, with the password `reader`."""
    done = manage(database, "shell", "-v0", "-c", ADD_READER)
    assert done.returncode == 0, done.stderr


@dataclass
class Library:
    """A database for one test, and the folder for the files of its site."""

    database: Path
    folder: Path
    variables: dict = field(default_factory=dict)  # environment variables of the site and its processes

    def __post_init__(self):
        (self.folder / "tmp").mkdir()
        self.variables |= {"DATA_DIR": str(self.folder / "data"), "TMPDIR": str(self.folder / "tmp")}

    @contextmanager
    def site(self, *options, **keywords):
        """Run gunicorn. At the end, kill it with the exports that are still running."""
        log = self.folder / "gunicorn.log"
        with gunicorn(self.database, log, *options, variables=self.variables, **keywords) as site:
            try:
                yield site
            finally:
                for process in [site.process, *self.processes()]:
                    kill(process)

    def manage(self, *arguments, **options):
        return manage(self.database, *arguments, variables=self.variables, **options)

    def processes(self):
        """Return the processes that send an export of this library."""
        return [process for process in psutil.process_iter() if self.is_export(process)]

    def is_export(self, process):
        with suppress(psutil.Error):
            is_ours = str(self.folder / "data") == process.environ().get("DATA_DIR")
            return is_ours and "send_export" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
        return False

    def files(self):
        """Return what the site has saved, and what is left in its temporary folder."""
        folders = (self.folder / "data", self.folder / "tmp")
        return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def kill(process):
    """Kill a process and its children at the same moment, as the end of a container does."""
    with suppress(psutil.NoSuchProcess):  # it has ended
        family = (process, *process.children(recursive=True))
        for each in family:
            each.suspend()
        for each in family:
            each.kill()


@contextmanager
def logged_in(site, name="reader"):
    """Yield an HTTP client that is logged in."""
    limits = httpx.Limits(max_keepalive_connections=0)  # gunicorn closes idle connections
    with httpx.Client(base_url=f"http://127.0.0.1:{site.port}", timeout=60, limits=limits) as client:
        client.get("/login/")
        if key := add_session(site.process.environ(), name):
            client.cookies.set("sessionid", key)
        else:
            answer = post(client, "/login/", username=name, password=name)
            assert answer.status_code == 302, answer.text
        yield client


def add_session(environ, name):
    """Add a session to the site's SQLite file, and return its key. Return None if the site has another database.

    Django checks a password slowly, and on purpose. In so many tests, that would take longer than what they test.
    """
    database = environ.get("DATABASE_URL", "").removeprefix("sqlite:///")
    if not Path(database).is_file() or "SECRET_KEY" in environ:
        return None
    with closing(sqlite3.connect(database, timeout=20)) as connection, connection:
        query = "SELECT id, password FROM auth_user WHERE username = ?"
        pk, password = connection.execute(query, [name]).fetchone()
        data = {
            auth.SESSION_KEY: str(pk),
            auth.BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
            auth.HASH_SESSION_KEY: auth.get_user_model()(password=password).get_session_auth_hash(),
        }
        key = uuid.uuid4().hex
        insert = "INSERT INTO django_session VALUES (?, ?, datetime('now', '+1 day'))"
        connection.execute(insert, [key, SessionStore().encode(data)])
    return key


def post(client, path, **fields):
    """Send a form, with the token against CSRF."""
    return client.post(path, data={"csrfmiddlewaretoken": client.cookies["csrftoken"], **fields})


@contextmanager
def silent_smtp():
    """Run a mail server that accepts connections and says nothing, so each job waits at its email.

    Yield its URL and the list of its connections.
    """
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            with suppress(OSError):  # the server has been closed
                while True:
                    connections.append(server.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"smtp://127.0.0.1:{server.getsockname()[1]}", connections
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in connections:
                connection.close()


def wait_for_jobs(connections, number=1):
    wait_for(lambda: len(connections) >= number, f"{number} jobs at their email")


posix = pytest.mark.skipif(os.name != "posix", reason="signals and sessions are for Unix")
