"""A library at work, to which something happens: its site, its workers, its mails, and what must be true in the end."""

import collections
import hashlib
import json
import random
import sqlite3
import time
import uuid
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from tests.db_workers import db_worker
from tests.exporting import Library
from tests.servers import STEP, free_port, smtp, wait_for
from tests.workers import worker

LEASE, START, VISIBILITY, REAP_EVERY = 2, 8, 3, 5  # seconds
MISSES = 8  # exports that end sooner than they are looked at, before that is said
RUNNERS = ("spawn", "database", "files", "redis", "rabbitmq")


@dataclass
class Scene:
    """`count` exports of a runner, each of other books."""

    library: Library
    runner: str
    count: int
    broker: str = ""
    mails: list = field(default_factory=list)
    mail_options: dict = field(default_factory=dict)
    servers: dict = field(default_factory=dict)  # what can be stopped and started again: see restart.py
    bucket: object = None

    def __enter__(self):
        assert (STEP / "exports/management/commands/reap_exports.py").exists()
        self.stack, self.workers, self.wanted = ExitStack(), [], {}
        self.library.more |= {
            "EXPORT_RUNNER": {"spawn": "spawn", "database": "database"}.get(self.runner, "celery"),
            "CELERY_BROKER_URL": self.broker,
            "CELERY_VISIBILITY_TIMEOUT": str(VISIBILITY),
            "EXPORT_LEASE": str(LEASE),
            "EXPORT_START": str(START),
            "EXPORT_BACKOFF": "1",
            "EXPORT_QUOTA_BYTES": str(10**12),
        }
        port = free_port()
        self.library.mail_server = f"smtp://127.0.0.1:{port}"
        self.stack.enter_context(self.library.ending())
        if self.mail_options.pop("up", True):
            self.start_mail()
        self.start_site()
        self.start_workers()
        return self

    def __exit__(self, *error):
        self.stack.close()

    def start_mail(self):
        port = int(self.library.mail_server.rpartition(":")[2])
        _, self.mails = self.stack.enter_context(smtp(port=port, **self.mail_options))

    def start_site(self):
        self.site = self.stack.enter_context(self.library.site())

    def start_workers(self):
        """As many as there are exports, so that all of them are hit: processes, or children of one."""
        if self.runner == "database":
            self.workers = [self.stack.enter_context(db_worker(self.library)) for _ in range(self.count)]
        elif self.runner != "spawn":
            options = {"settings": "tests.settings_celery", "TASK_OPTIONS": "{}"}
            self.workers = [self.stack.enter_context(worker(self.library, concurrency=self.count, **options))]

    def ask(self):
        """The ids of new exports of nearly all books, and for each its number of books."""
        with self.library.reader(self.site) as reader:
            years = random.sample(range(2018, 2025), self.count)
            self.asked = {reader.export(published_to=f"{year}-12-31"): year for year in years}
        self.wanted |= self.asked
        self.place = random.uniform(0.05, 0.6)

    def in_mid_export(self):
        """Wait for a random moment at which each is between its first and its last book."""
        for _ in range(MISSES):
            if wait_for(self.moment, "the exports to be under way") == "hit":
                return
            self.ask()
        raise AssertionError(f"{MISSES} times the exports had ended before they were seen under way: too few books")

    def moment(self):
        """`hit` when each is under way and one has a share of `self.place` behind it, `missed` when all have ended."""
        rows = [row for row in self.rows() if row["id"] in self.asked]
        if all(row["finished_at"] for row in rows):
            return "missed"
        begun = [row for row in rows if 0 < row["rows_done"] < (row["rows_total"] or 0) and row["state"] == "running"]
        far = any(row["rows_done"] >= self.place * row["rows_total"] for row in begun)
        return "hit" if far and len(begun) == self.count else None

    def processes(self):
        """Those that make the exports."""
        if self.runner == "spawn":
            return self.library.processes()
        if self.runner == "database":
            return [each.process for each in self.workers]
        return [child for each in self.workers for child in each.process.children()]

    @contextmanager
    def halted(self):
        """Nothing that makes an export moves."""
        processes = self.processes()
        each_of(processes, psutil.Process.suspend)
        try:
            yield
        finally:
            each_of(processes, psutil.Process.resume)

    def rows(self):
        """The rows of all exports, dictionaries."""
        if "://" in str(self.library.database):
            with psycopg.connect(self.library.database, row_factory=psycopg.rows.dict_row) as connection:
                rows = connection.execute("SELECT * FROM exports_export").fetchall()
        else:
            with closing(sqlite3.connect(self.library.database, timeout=20)) as connection:
                connection.row_factory = sqlite3.Row
                rows = [dict(row) for row in connection.execute("SELECT * FROM exports_export")]
        return [row | {"id": str(uuid.UUID(str(row["id"])))} for row in rows]

    def settle(self):
        """Do what the timer does until each export has ended and its owner is told, or can read that he is not."""
        reaped_at = time.monotonic()

        def all_ended():
            nonlocal reaped_at
            if time.monotonic() - reaped_at > REAP_EVERY:
                reaped = self.library.manage("reap_exports")
                assert reaped.returncode == 0, reaped.stderr
                reaped_at = time.monotonic()
            return all(row["finished_at"] and (row["mail_sent_at"] or row["mail_error"]) for row in self.rows())

        wait_for(all_ended, "each export to end, and its mail", seconds=90)

    def verify(self, books):
        """Raise AssertionError for what is lost; gives the numbers of states. `books` are those up to each year."""
        rows = self.rows()
        assert {row["id"] for row in rows} == self.wanted.keys()
        ids = collections.Counter(mail["Message-ID"] for mail in self.mails)
        for row in rows:
            assert row["state"] in ("done", "failed"), row
            if row["state"] == "done":
                content = self.read(row["file"])
                assert hashlib.sha256(content).hexdigest() == row["sha256"]
                assert content.count(b",979") == row["rows_done"] == books[self.wanted[row["id"]]]
            else:
                assert row["error"], row
            assert ids[f"<export-{row['id']}@127.0.0.1>"] == bool(row["mail_sent_at"])
            assert row["mail_sent_at"] or row["mail_error"]
        names = {row["file"] for row in rows if row["state"] == "done"}
        assert self.stored() == names
        return collections.Counter(row["state"] for row in rows if row["id"] in self.asked)

    def read(self, name):
        if self.bucket:
            return self.bucket.get_object(Bucket="exports", Key=name)["Body"].read()
        return (self.library.folder / "data" / "exports" / name).read_bytes()

    def stored(self):
        if self.bucket:
            listed = self.bucket.list_objects_v2(Bucket="exports").get("Contents", [])
            return {each["Key"] for each in listed}
        return {file.name for file in (self.library.folder / "data" / "exports").glob("*")}


def each_of(processes, act):
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # it was faster
            act(process)


def kill(process):
    each_of([process], psutil.Process.kill)


def note(path, **result):
    """Add a line to the results of benchmarks/faults.py."""
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": round(time.time()), **result}) + "\n")
