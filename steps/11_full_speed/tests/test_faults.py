"""Break something while exports are running. In the end, each export has a correct file or a reason, with one email.

`make faults` runs this with more exports. Leases have the lengths of the shipped settings. When nothing moves anymore,
the test moves them back, as if the time had passed.
"""

import json
import os
import re
import shutil
import signal
import sqlite3
import time
import uuid
from collections import Counter
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from exports.delivery import NOT_KNOWN, NOT_SENT
from tests.brokers import rabbitmq, redis
from tests.db_workers import db_worker
from tests.exporting import logged_in, posix, request_export
from tests.mail_servers import changing_smtp
from tests.servers import wait_for
from tests.workers import worker

pytestmark = [
    pytest.mark.server,
    pytest.mark.services,
    pytest.mark.slow,
    posix,
    pytest.mark.covers("exports", "backends"),
]
EXPORTS = int(os.environ.get("FAULTS", "2"))  # for each fault and runner
RUNNERS = ["database", "subprocess", "files", "redis", "rabbitmq"]


class Scene:
    """A site with workers, which are started again when they have ended, as systemd does."""

    def __init__(self, library, runner, stack):
        self.library, self.runner, self.stack = library, runner, stack
        self.workers = []
        self.site = stack.enter_context(library.site())
        self.start_workers()

    def start_workers(self):
        start = {"database": db_worker, "subprocess": None}.get(self.runner, worker)
        self.workers = [worker for worker in self.workers if worker.process.poll() is None]
        while start and len(self.workers) < EXPORTS:
            self.workers.append(self.stack.enter_context(start(self.library)))

    def request_exports(self):
        with logged_in(self.site) as client:
            self.ids = [request_export(client, f"?published_to={2024 - number}-12-31") for number in range(EXPORTS)]

    def rows(self):
        return self.library.sql("""
            SELECT exports_export.*, sent_at, exports_delivery.error AS email_error
            FROM exports_export LEFT JOIN exports_delivery ON id = export_id ORDER BY id
        """)

    def wait_until_all_are_running(self):
        wait_for(lambda: all(row["rows_done"] for row in self.rows()), "the exports to be running")

    def job_processes(self):
        """Return the processes that run the exports."""
        if self.runner == "subprocess":
            return self.library.processes()
        if self.runner == "database":
            return [worker.process for worker in self.workers]
        return [child for worker in self.workers for child in worker.process.children()]

    def settle(self):
        """Restart what has ended, and run the reaper, until nothing changes anymore."""
        before, since, deadline = None, time.monotonic(), time.monotonic() + 300
        while True:
            rows = self.rows()
            if all(row["finished_at"] and (row["sent_at"] or row["email_error"]) for row in rows):
                return rows
            assert time.monotonic() < deadline, rows
            if rows != before:
                before, since = rows, time.monotonic()
            elif time.monotonic() - since > 3:
                self.start_workers()
                self.let_time_pass(400)
                done = self.library.manage("reap_exports")
                assert done.returncode == 0, done.stderr
                since = time.monotonic()
            time.sleep(0.1)

    def let_time_pass(self, seconds):
        for table, column in [
            ("exports_export", "lease_until"),
            ("exports_delivery", "lease_until"),
            ("django_tasks_database_dbtaskresult", "run_after"),
        ]:
            earlier = f"strftime('%Y-%m-%d %H:%M:%f', {column}, '-{seconds} seconds')"
            self.library.sql(f"UPDATE {table} SET {column} = {earlier} WHERE {column} < '9999'")


def kill_processes(scene):
    """kill -9 of each process that runs an export."""
    for process in scene.job_processes():
        with suppress(psutil.NoSuchProcess):
            process.kill()


def kill_workers(scene):
    """kill -9 of the workers and their children, as when a container ends."""
    for each in scene.workers:
        each.kill()


def kill_site(scene):
    """kill -9 of gunicorn and its workers. The exports aren't their children's children, and go on."""
    jobs = scene.job_processes()
    for process in [scene.site.process, *scene.site.process.children()]:
        if process not in jobs:
            process.kill()


def deploy(scene):
    """SIGTERM to everything."""
    processes = [scene.site.process, *(worker.process for worker in scene.workers), *scene.job_processes()]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)


def lock_database(scene):
    """Another process writes for three seconds."""
    with closing(sqlite3.connect(scene.library.database, timeout=20, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(3)
        connection.execute("ROLLBACK")


def fill_disk(scene):
    """No file of these processes can have more than a megabyte from now on."""
    for process in scene.job_processes():
        with suppress(psutil.NoSuchProcess):
            process.rlimit(psutil.RLIMIT_FSIZE, (1_000_000, 1_000_000))


def remove_folder(scene):
    """The folder of the files isn't there, as when a disk isn't mounted. Later it comes back."""
    files = scene.library.folder / "data" / "files"
    shutil.rmtree(files, ignore_errors=True)
    files.write_text("a file where the folder should be")
    wait_for(lambda: any(row["tries_left"] < 4 or row["state"] == "waiting" for row in scene.rows()), "a failed try")
    files.unlink()


def nothing(scene):
    """The mail server is the fault."""


FAULTS = {
    "process killed": (kill_processes, RUNNERS),
    "worker killed": (kill_workers, ["files", "redis", "rabbitmq"]),
    "site killed": (kill_site, RUNNERS),
    "deploy": (deploy, RUNNERS),
    "database locked": (lock_database, RUNNERS),
    "disk full": (fill_disk, RUNNERS),
    "folder gone": (remove_folder, RUNNERS),
    "mail server down": (nothing, RUNNERS),
    "mail refused": (nothing, RUNNERS),
    "mail greylisted": (nothing, RUNNERS),
    "broken after DATA": (nothing, RUNNERS),
}
WORKS = ["", ""]
MAIL_SERVERS = {
    "mail server down": ["CONNECT", None],
    "mail refused": ["RCPT", "550 no such user"],
    "mail greylisted": ["RCPT", "450 try later"],
    "broken after DATA": ["END", None],
}
CASES = [(fault, runner) for fault, (_, runners) in FAULTS.items() for runner in runners]
if "FAULTS" not in os.environ:
    CASES = CASES[::9]  # a few of them, with each runner


@pytest.fixture(scope="module")
def rabbitmq_urls():
    with rabbitmq() as urls:
        yield urls


@contextmanager
def broker_of(runner, request):
    if runner == "redis":
        with redis() as (url, _):
            yield url
    else:
        yield next(request.getfixturevalue("rabbitmq_urls")) if runner == "rabbitmq" else ""


@pytest.mark.parametrize("fault, runner", CASES, ids=lambda value: value.replace(" ", "-"))
def test_nothing_is_lost(large_library, request, fault, runner):
    mail_server = list(MAIL_SERVERS.get(fault, WORKS))
    with ExitStack() as stack:
        broker = stack.enter_context(broker_of(runner, request))
        backend = runner if runner in ("database", "subprocess") else "celery"
        url, emails = stack.enter_context(changing_smtp(mail_server))
        large_library.variables |= {"EXPORT_RUNNER": backend, "CELERY_BROKER_URL": broker, "EMAIL_URL": url}
        large_library.variables["EXPORT_MAIL_LIMIT"] = "1"
        scene = Scene(large_library, runner, stack)
        scene.request_exports()
        scene.wait_until_all_are_running()
        FAULTS[fault][0](scene)
        if fault in ("mail server down", "mail greylisted"):
            wait_for(lambda: all(row["finished_at"] for row in scene.rows()), "the exports to end", seconds=240)
            mail_server[:] = WORKS
        rows = scene.settle()
    verify(large_library, scene, rows, emails, fault)
    note(fault=fault, runner=runner, exports=len(rows), **Counter(row["state"] for row in rows))


def verify(library, scene, rows, emails, fault):
    """Compare files, rows and emails."""
    files = library.folder / "data" / "files"
    sent = Counter(re.search(rb"Message-ID: <export-([0-9a-f-]+)@", email)[1].decode() for email in emails)
    assert {str(uuid.UUID(row["id"])) for row in rows} == set(scene.ids)
    for row in rows:
        last = json.loads(row["filters"])["published_to"]
        (expected,) = library.sql("SELECT count(*) AS books FROM library_book WHERE published_on <= ?", last)
        if row["state"] == "done":
            assert (files / row["file"]).read_bytes().count(b",979") == row["rows_done"] == expected["books"]
        else:
            assert row["state"] == "failed" and row["error"], row
        number = sent[str(uuid.UUID(row["id"]))]
        assert number == 1 if row["sent_at"] else (number <= 1 and row["email_error"])
        if fault == "mail refused":
            assert (number, row["email_error"]) == (0, NOT_SENT)
        if fault == "broken after DATA":
            assert (number, row["email_error"]) == (1, NOT_KNOWN)
        if fault in ("mail server down", "mail greylisted"):
            assert number == 1
    known = {row["file"] for row in rows if row["file"]}
    assert {f"exports/{path.name}" for path in (files / "exports").glob("*")} >= known


def note(**result):
    """Add a line to the results of benchmarks/faults.py."""
    if path := os.environ.get("FAULTS_RESULTS"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
