"""Break something while exports are running. In the end, each export has a correct file or a reason, with one email.

All settings are those that a user gets. Only the waiting is shorter. When nothing changes anymore, the test moves the
times in the database back until something is due, as if that time had passed. Then it runs the reaper.

`make faults` runs this with all faults and runners, and with more exports.
"""

import json
import math
import os
import re
import signal
import sqlite3
import time
import uuid
from collections import Counter
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path

import httpx
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
EXPORTS = int(os.environ.get("FAULTS", "2"))  # for each fault and runner, at most EXPORT_MAX_RUNNING
CELERY = ["files", "redis", "rabbitmq"]
RUNNERS = ["database", "subprocess", *CELERY]


class Scene:
    """A site with workers, which are started again when they have ended, as systemd does."""

    def __init__(self, library, runner, stack):
        self.library, self.runner, self.stack = library, runner, stack
        self.workers, self.waited = [], 0  # seconds
        self.killed = library.folder / "killed"
        self.killed.mkdir()

    def start(self, kill_site_at="", kill_jobs_at=""):
        """Start the site and the workers. Without workers, the site starts the jobs, with its own settings."""
        has_workers = self.runner != "subprocess"
        with self.settings(kill_site_at or ("" if has_workers else kill_jobs_at)):
            self.site = self.stack.enter_context(self.library.site())
        with self.settings(kill_jobs_at):
            self.start_workers()

    @contextmanager
    def settings(self, kill_at):
        """Set the variables for processes that are killed at a point of tests/killing.py."""
        before = self.library.variables
        if kill_at:
            added = {"DJANGO_SETTINGS_MODULE": "tests.settings_killing", "KILL_AT": kill_at, "KILLED": str(self.killed)}
            self.library.variables = {**before, **added}
        yield
        self.library.variables = before

    def start_workers(self):
        self.workers = [worker for worker in self.workers if worker.process.poll() is None]
        settings = self.library.variables.get("DJANGO_SETTINGS_MODULE", "config.settings")
        while self.runner != "subprocess" and len(self.workers) < EXPORTS:
            is_database = self.runner == "database"
            new = db_worker(self.library, "--interval=1") if is_database else worker(self.library, settings)
            self.workers.append(self.stack.enter_context(new))

    def request_exports(self):
        with logged_in(self.site) as client:
            for number in range(EXPORTS):
                with suppress(httpx.TransportError):  # the site was killed
                    request_export(client, f"?published_to={2024 - number}-12-31")

    def rows(self):
        return self.library.sql("""
            SELECT exports_export.*, sent_at, exports_delivery.error AS email_error
            FROM exports_export LEFT JOIN exports_delivery ON id = export_id ORDER BY id
        """)

    def job_processes(self):
        """Return the processes that run the exports."""
        if self.runner == "subprocess":
            return self.library.processes()
        if self.runner == "database":
            return [worker.process for worker in self.workers]
        running = [worker.process for worker in self.workers if worker.process.is_running()]
        return [child for process in running for child in process.children()]

    def cpu_seconds(self):
        """Return the CPU time that the processes of the exports have used."""
        seconds = 0
        for process in self.job_processes():
            with suppress(psutil.Error):
                times = process.cpu_times()
                seconds += times.user + times.system
        return seconds

    def wait_until_logged(self, text):
        """Wait until the text is in a log with the id of each export, except those that have ended before."""

        def is_logged():
            log = "".join(path.read_text() for path in self.library.folder.glob("*.log"))
            return all(row["sent_at"] or text.format(uuid.UUID(row["id"])) in log for row in self.rows())

        wait_for(is_logged, text)

    def settle(self):
        """Restart what has ended, and run the reaper, until nothing changes anymore."""
        # A Celery worker keeps a retry in its memory, where a test can't move its time.
        # Rounds last longer on a busy machine, as the work of the others does, so they are counted instead of seconds.
        quiet = 120 if self.runner in CELERY else 40
        before, unchanged, deadline = None, 0, time.monotonic() + 300
        while True:
            rows, used = self.rows(), int(self.cpu_seconds() * 5)  # a job that writes no rows may create a zip
            if all(row["finished_at"] and (row["sent_at"] or row["email_error"]) for row in rows):
                return rows
            assert time.monotonic() < deadline, rows
            if (rows, used) != before:
                before, unchanged = (rows, used), 0
            elif (unchanged := unchanged + 1) > quiet:
                self.start_workers()
                self.let_time_pass()
                done = self.library.manage("reap_exports")
                assert done.returncode == 0, done.stderr
                unchanged = 0
            time.sleep(0.1)

    def let_time_pass(self):
        """Move all times back by whole minutes, because the reaper runs each minute, until something is due."""
        times = [
            ("exports_export", "lease_until", "state IN ('waiting', 'running')"),
            ("exports_delivery", "lease_until", "sent_at IS NULL AND error = ''"),
            ("django_tasks_database_dbtaskresult", "run_after", "status = 'READY' AND run_after < '9999-01-01'"),
        ]
        seconds = [
            row["seconds"]
            for table, column, condition in times
            for row in self.library.sql(
                f"SELECT (julianday({column}) - julianday('now')) * 86400 AS seconds FROM {table} WHERE {condition}"
            )
        ]
        passed = 60 * math.ceil(min((each for each in seconds if each > 0), default=1) / 60)
        self.waited += passed
        for table, column, condition in times:
            earlier = f"strftime('%Y-%m-%d %H:%M:%f', {column}, '-{passed} seconds')"
            self.library.sql(f"UPDATE {table} SET {column} = {earlier} WHERE {condition}")


def kill_processes(scene):
    """kill -9 of each process that runs an export.

    If we kill an idle child of a Celery worker that uses the broker of files, the worker takes further tasks and never
    runs them. The child holds a lock while it waits for a task, and nothing releases this lock.
    """
    for process in scene.job_processes():
        with suppress(psutil.NoSuchProcess):
            if any(file.path.endswith(".csv") for file in process.open_files()):
                process.kill()


def kill_workers(scene):
    """kill -9 of the workers and their children, as when a container ends."""
    for each in scene.workers:
        each.kill()


def kill_site(scene):
    """kill -9 of gunicorn and its workers. The processes that run the exports go on."""
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
    """No file of these processes can have more than a megabyte, until each export has failed once."""
    processes, unlimited = scene.job_processes(), psutil.RLIM_INFINITY

    def limit(size):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.rlimit(psutil.RLIMIT_FSIZE, (size, unlimited))

    limit(1_000_000)
    scene.wait_until_logged("of export {} failed")
    limit(unlimited)


@contextmanager
def no_storage(scene):
    """There's a file where the folder should be, as if a disk isn't mounted."""
    files = scene.library.folder / "data" / "files"
    files.mkdir(parents=True, exist_ok=True)
    elsewhere = files.rename(files.with_name("elsewhere"))
    files.touch()
    yield
    files.unlink()
    elsewhere.rename(files)


def remove_storage(scene):
    """The storage is gone, until each export has failed once."""
    with no_storage(scene):
        scene.wait_until_logged("of export {} failed")


FAULTS = {
    "process killed": (kill_processes, RUNNERS),
    "worker killed": (kill_workers, CELERY),
    "site killed": (kill_site, RUNNERS),
    "deploy": (deploy, RUNNERS),
    "database locked": (lock_database, RUNNERS),
    "disk full": (fill_disk, RUNNERS),
    "storage gone": (remove_storage, RUNNERS),
}
MAIL_FAULTS = {
    "mail server down": ("CONNECT", None),
    "mail refused": ("RCPT", "550 no such user"),
    "mail greylisted": ("RCPT", "450 try later"),
    "broken after DATA": ("END", None),
}
START = "backends.base.StartAfterCommit.try_to_start before"
KILLS = {
    "site killed between export and task": (START, ["subprocess", *CELERY]),
    "killed between task and claim": ("exports.models.Export.claim before", RUNNERS),
    "killed between file and state": ("exports.models.Export.end before", RUNNERS),
    "killed between waiting and commit": ("exports.models.Export.release after", RUNNERS),
    "killed between waiting and task": (START, CELERY),
    "killed before the email": ("exports.models.Delivery.claim before", RUNNERS),
    "killed between claim and email": ("exports.models.Delivery.claim after", RUNNERS),
    "killed after the email": ("exports.models.Delivery.end before", RUNNERS),
}


def cases(faults):
    """Return each fault with each runner. Without FAULTS, return a few of them, with different runners."""
    pairs = [(fault, runner) for fault, (_, runners) in faults.items() for runner in runners]
    return pairs if "FAULTS" in os.environ else pairs[::16]


def each_case(faults):
    return pytest.mark.parametrize("fault, runner", cases(faults), ids=lambda value: value.replace(" ", "-"))


@pytest.fixture(scope="module")
def rabbitmq_urls():
    with rabbitmq() as urls:
        yield urls


@pytest.fixture
def begin(request, exit_stack):
    """Return a function that returns a Scene, and sets the variables of its runner and its mail server."""

    def begin(library, runner, mail_server=("", "")):
        broker = ""
        if runner == "redis":
            broker, _ = exit_stack.enter_context(redis())
        elif runner == "rabbitmq":
            broker = next(request.getfixturevalue("rabbitmq_urls"))
        scene = Scene(library, runner, exit_stack)
        scene.mail_server = list(mail_server)
        email_url, scene.emails = exit_stack.enter_context(changing_smtp(scene.mail_server))
        backend = "celery" if runner in CELERY else runner
        library.variables |= {"EXPORT_RUNNER": backend, "CELERY_BROKER_URL": broker, "EMAIL_URL": email_url}
        del library.variables["EXPORT_MAX_RUNNING"]
        return scene

    return begin


@each_case(FAULTS)
def test_nothing_is_lost_if_something_breaks_while_exports_are_running(large_library, begin, fault, runner):
    scene = begin(large_library, runner)
    scene.start()
    scene.request_exports()
    wait_for(lambda: all(row["rows_done"] for row in scene.rows()), "the exports to be running")
    FAULTS[fault][0](scene)
    verify(scene, fault)


@each_case({fault: (server, RUNNERS) for fault, server in MAIL_FAULTS.items()})
def test_nothing_is_lost_if_the_mail_server_fails(library, begin, fault, runner):
    scene = begin(library, runner, MAIL_FAULTS[fault])
    scene.start()
    scene.request_exports()
    scene.wait_until_logged("email about export {} could not be sent")
    scene.mail_server[:] = ["", ""]
    rows = verify(scene, fault)
    if fault == "mail refused":
        assert not scene.emails and {row["email_error"] for row in rows} == {NOT_SENT}
    elif fault == "broken after DATA":
        assert len(scene.emails) == EXPORTS and {row["email_error"] for row in rows} == {NOT_KNOWN}
    else:
        assert len(scene.emails) == EXPORTS and {row["email_error"] for row in rows} == {""}


@each_case(KILLS)
def test_nothing_is_lost_if_a_process_is_killed_between_two_statements(library, begin, fault, runner):
    scene, point = begin(library, runner), KILLS[fault][0]
    with no_storage(scene) if "waiting" in fault else nullcontext():  # so that there is a retry
        scene.start(**{"kill_site_at" if "site" in fault else "kill_jobs_at": point})
        scene.request_exports()
        wait_for(lambda: len(list(scene.killed.iterdir())) == EXPORTS, "a kill for each export")
    verify(scene, fault)


def verify(scene, fault):
    """Let the scene settle. Compare rows, files and emails, and return the rows."""
    rows = scene.settle()
    assert len(rows) == EXPORTS
    message_ids = [re.search(rb"Message-ID: <export-([0-9a-f-]+)@", email)[1].decode() for email in scene.emails]
    for row in rows:
        last = json.loads(row["filters"])["published_to"]
        (expected,) = scene.library.sql("SELECT count(*) AS books FROM library_book WHERE published_on <= ?", last)
        if row["state"] == "done":
            content = (scene.library.folder / "data" / "files" / row["file"]).read_bytes()
            assert content.count(b",979") == row["rows_done"] == expected["books"]
            assert len(content) == row["size"] and content.endswith(b"\r\n")
        else:
            assert row["state"] == "failed" and row["error"], row
        emails = message_ids.count(str(uuid.UUID(row["id"])))
        assert emails == 1 if row["sent_at"] else (emails <= 1 and row["email_error"]), row
    note(
        fault=fault,
        runner=scene.runner,
        exports=len(rows),
        **Counter(row["state"] for row in rows),
        tries=sum(row["token"] for row in rows),
        emails=len(message_ids),
        email_errors=Counter(row["email_error"] for row in rows if row["email_error"]),
        minutes=scene.waited // 60,
    )
    return rows


def note(**result):
    """Add a line to the results of benchmarks/faults.py."""
    if path := os.environ.get("FAULTS_RESULTS"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
