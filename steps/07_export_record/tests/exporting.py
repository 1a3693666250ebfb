"""What the tests of exports share: readers, sites where they export, and the processes that do it."""

import copy
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import dj_database_url
import httpx
import psutil
from django.db import connections

from tests.servers import STEP, Site, environment, gunicorn, manage, wait_for

ADD_READERS = """
import json
from django.contrib.auth.models import User
from django.test import Client
sessions = {}
for name in ("reader", "other", "librarian"):
    user, client = User.objects.create_user(name, f"{name}@example.com", name), Client()
    user.is_staff = user.is_superuser = name == "librarian"
    user.save()
    client.force_login(user)
    sessions[name] = client.cookies["sessionid"].value
print(json.dumps(sessions))
"""


def add_readers(database):
    """Users whose passwords are their names; beside a SQLite file, their sessions: who has one is logged in."""
    done = manage(database, "shell", "-v0", "-c", ADD_READERS)
    assert done.returncode == 0, done.stderr
    if isinstance(database, Path):
        database.with_suffix(".sessions").write_text(done.stdout)


@dataclass
class Library:
    """A database of its own for a test, a SQLite file or a URL, and the folder for what its site makes."""

    database: Path | str
    folder: Path
    unblocked: Callable = nullcontext  # lets this process into a database, which pytest-django keeps it from
    mail_server: str = ""
    mail_limit: int = 10_000_000

    @property
    def variables(self):
        free = {"EXPORT_MAX_RUNNING": "1000", "EXPORT_QUOTA": "10000"}  # of the limits that step 10 sets
        mail = {"EMAIL_URL": self.mail_server, "EXPORT_MAIL_LIMIT": str(self.mail_limit)}
        return {"DATA_DIR": str(self.folder / "data"), **mail, **free}

    def manage(self, *arguments, **options):
        return manage(self.database, *arguments, variables=self.variables, **options)

    def reader(self, site, name="reader"):
        """A reader who is logged in to the site."""
        return Reader(site, json.loads(self.database.with_suffix(".sessions").read_text())[name])

    def new_exports(self, *filters):
        """The ids of new waiting exports of the reader `reader`, that no process was started for."""
        from django.contrib.auth.models import User

        from exports.models import Export

        with self.unblocked(), django_knows(self.database) as alias:
            owner = User.objects.using(alias).get(username="reader")
            exports = Export.objects.using(alias)
            # A filter that nobody knows makes them different: in step 10, the same request again is the same export.
            different = [{**each, "number": number} if number else each for number, each in enumerate(filters or [{}])]
            return [str(exports.create(owner=owner, filters=each).pk) for each in different]

    def change(self, sql, *values):
        with closing(sqlite3.connect(self.database, timeout=20)) as connection, connection:
            return connection.execute(sql, values).fetchall()

    def row(self, export_id):
        """The export's row, a dictionary."""
        with closing(sqlite3.connect(self.database, timeout=20)) as connection:
            connection.row_factory = sqlite3.Row
            key = uuid.UUID(export_id).hex
            return dict(connection.execute("SELECT * FROM exports_export WHERE id = ?", [key]).fetchone())

    def files(self):
        """What is in the folder of finished exports."""
        return sorted((self.folder / "data" / "exports").glob("*"))

    def unfinished(self):
        """What is anywhere else, but for mails and logs."""
        everything = [path for path in (self.folder / "data").rglob("*") if path.is_file()]
        return [path for path in everything if path.parent.name not in {"exports", "mail", "logs"}]

    @contextmanager
    def run_export(self, export_id, **options):
        """`run_export`, begun."""
        command = [sys.executable, STEP / "manage.py", "run_export", export_id]
        env = {**environment(self.database), **self.variables}
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        with subprocess.Popen(command, env=env, **output) as process:
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def site(self, *options, settings="config.settings", **variables):
        """gunicorn, and what it starts."""
        variables = {**self.variables, **variables}
        log = self.folder / f"gunicorn-{uuid.uuid4()}.log"
        with self.ending(), gunicorn(self.database, log, *options, settings=settings, variables=variables) as site:
            yield site

    @contextmanager
    def ending(self):
        """In the end, no process of an export is left."""
        try:
            yield
        finally:
            for process in self.processes():
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    def processes(self):
        """The processes of exports that run on this database."""
        return [process for process in psutil.process_iter() if self.is_export(process)]

    def is_export(self, process):
        with suppress(psutil.Error):
            return "run_export" in process.cmdline() and str(self.database) in process.environ().get("DATABASE_URL", "")
        return False


@contextmanager
def django_knows(database):
    """The alias under which Django in this process finds the database, a SQLite file or a URL."""
    other = (
        {"NAME": str(database)} if isinstance(database, Path) else {"OPTIONS": {}, **dj_database_url.parse(database)}
    )
    connections.databases["library"] = {**connections.databases["default"], **other}
    try:
        yield "library"
    finally:
        connections["library"].close()
        del connections["library"], connections.databases["library"]


def copy_of(database, folder, **options):
    """A library with a copy of the database and its readers."""
    for suffix in (".sqlite3", ".sessions"):
        shutil.copy(database.with_suffix(suffix), folder / f"library{suffix}")
    return Library(folder / "library.sqlite3", folder, **options)


def browser(address, cookies):
    """A client that leaves an idle connection before gunicorn does (after 2 s): the two at once are a reset."""
    limits = httpx.Limits(keepalive_expiry=1)
    return httpx.Client(base_url=address, timeout=60, cookies=cookies, limits=limits)


class Reader:
    """A reader with the cookies of a browser."""

    def __init__(self, site: Site, session):
        self.http = browser(f"http://127.0.0.1:{site.port}", {"sessionid": session})
        assert self.get("/exports/").status_code == 200  # which also gives the cookie against forged requests

    def again(self):
        """The same reader in a window more."""
        window = copy.copy(self)
        window.http = browser(self.http.base_url, self.http.cookies)
        return window

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.http.close()

    def get(self, path, **headers):
        return self.http.get(path, headers=headers)

    def post(self, path, **fields):
        return self.http.post(path, data={"csrfmiddlewaretoken": self.http.cookies["csrftoken"], **fields})

    def export(self, **filters):
        """Ask for an export; gives its id."""
        answer = self.post("/exports/", **filters)
        assert answer.status_code == 302, answer.text
        return re.fullmatch(r"/exports/([0-9a-f-]{36})/", answer.headers["Location"]).group(1)

    def state(self, export_id):
        """The state that the export's page shows."""
        page = self.get(f"/exports/{export_id}/")
        assert page.status_code == 200, page.text
        return re.search(r'data-test="state"[^>]*>\s*(\w+)', page.text).group(1).lower()

    def wait_for_end(self, export_id):
        wait_for(lambda: self.state(export_id) in ("done", "failed"), "the export to end", seconds=120)
        return self.state(export_id)

    def download(self, export_id):
        answer = self.get(f"/exports/{export_id}/download/")
        assert answer.status_code == 200, answer.text
        return answer.content


def without_path():
    """The variables that a virtual environment is found by, empty."""
    return {"PATH": "", "VIRTUAL_ENV": "", "HOME": os.environ.get("HOME", "/")}
