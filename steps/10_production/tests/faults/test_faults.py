"""What happens to exports that are under way when something breaks. Lost means: neither a right file nor a reason.

`make faults` runs each fault with each runner, five exports at a time; the plain tests run a short form of it.
"""

import asyncio
import os
import signal
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from aiosmtpd.smtp import SMTP

from tests.databases import copied, seeded
from tests.exporting import Library, add_readers, copy_of
from tests.faults.restart import restartable
from tests.faults.scene import RUNNERS, Scene, kill, note
from tests.servers import manage, wait_for

pytestmark = [pytest.mark.server, pytest.mark.services, pytest.mark.slow]
AT_A_TIME = int(os.environ.get("FAULTS", "0"))  # exports for each fault and runner; 0 is the short form


def process_is_killed(scene):
    """kill -9 of each process that makes an export, each at a moment of its own."""
    scene.in_mid_export()
    for process in scene.processes():
        kill(process)
        scene.rows()  # takes some time
    if scene.runner == "database":
        scene.start_workers()


def worker_is_killed(scene):
    """kill -9 of the worker, its children too: the end of a container."""
    scene.in_mid_export()
    for worker in scene.workers:
        worker.kill()
    scene.start_workers()


def site_is_killed(scene):
    """kill -9 of gunicorn and its workers. What it has spawned is a process of its own."""
    scene.in_mid_export()
    for process in [scene.site.process, *scene.site.process.children()]:
        if "run_export" not in process.cmdline():
            kill(process)
    scene.start_site()


def all_are_stopped(scene):
    """SIGTERM to all: a deploy. Workers finish, spawned exports end as failed."""
    scene.in_mid_export()
    stopped = [scene.site.process, *(worker.process for worker in scene.workers), *scene.library.processes()]
    for process in stopped:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
    psutil.wait_procs(stopped, timeout=60)
    scene.start_site()
    scene.start_workers()


def database_is_locked(scene):
    """Another writer holds SQLite for three seconds."""
    scene.in_mid_export()
    with closing(sqlite3.connect(scene.library.database, timeout=20, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        threading.Event().wait(3)
        connection.execute("ROLLBACK")


def disk_is_full(scene):
    """No file may be longer than a megabyte from now on (RLIMIT_FSIZE), as on a full disk."""
    scene.in_mid_export()
    for process in scene.processes():
        with suppress(psutil.NoSuchProcess):
            process.rlimit(psutil.RLIMIT_FSIZE, (1_000_000, 1_000_000))


def folder_is_gone(scene):
    """The folder of the exports is away, as a disk that is not mounted, and comes back."""
    scene.in_mid_export()
    folder = scene.library.folder / "data" / "exports"
    folder.mkdir(exist_ok=True)
    away = folder.rename(folder.with_name("away"))
    folder.write_text("a file where the folder of exports should be")
    wait_for(lambda: any(row["attempt"] > 1 or row["finished_at"] for row in scene.rows()), "it to be noticed")
    folder.unlink()
    away.rename(folder)


def clock_is_set_back(scene):
    """The clock of those that make the exports is an hour behind from one moment on (libfaketime)."""
    scene.in_mid_export()
    (scene.library.folder / "clock").write_text("-3600\n")


def mail_is_down(scene):
    """Nobody listens when the exports end; later somebody does."""
    scene.in_mid_export()
    wait_for(lambda: all(row["finished_at"] for row in scene.rows()), "the exports to end", seconds=90)
    scene.start_mail()


def database_is_restarted(scene):
    """PostgreSQL is stopped without regard for who is at work, and started again."""
    scene.in_mid_export()
    scene.servers["database"].restart()
    for worker in scene.workers:  # as systemd does: Restart=always
        if worker.process.poll() is not None:
            scene.start_workers()
            break


def broker_is_restarted(scene):
    """Redis without what it had, as it keeps nothing on a disk here; RabbitMQ with it."""
    scene.in_mid_export()
    scene.servers["broker"].restart()
    if any(worker.process.poll() is not None for worker in scene.workers):
        scene.start_workers()


def storage_is_away(scene):
    """S3 ends before the files are handed over, and comes back with what it had."""
    scene.in_mid_export()
    with scene.halted():  # this S3 has its files in memory: who is faster must not lose his by that
        kept = {name: scene.read(name) for name in scene.stored()}
        scene.servers["storage"].stop()
    wait_for(lambda: any(row["attempt"] > 1 or row["finished_at"] for row in scene.rows()), "it to be noticed", 90)
    scene.servers["storage"].start()
    for name, content in kept.items():
        scene.bucket.put_object(Bucket="exports", Key=name, Body=content)


def nothing_else(scene):
    scene.in_mid_export()


FAULTS = {
    "process killed": (process_is_killed, RUNNERS),
    "worker killed": (worker_is_killed, RUNNERS[2:]),
    "site killed": (site_is_killed, RUNNERS),
    "deploy": (all_are_stopped, RUNNERS),
    "database locked": (database_is_locked, RUNNERS),
    "disk full": (disk_is_full, RUNNERS),
    "folder gone": (folder_is_gone, RUNNERS),
    "mail server down": (mail_is_down, RUNNERS),
    "mail refused": (nothing_else, RUNNERS),
    "mail too large": (nothing_else, RUNNERS),
    "mail slow": (nothing_else, RUNNERS),
    "clock set back": (clock_is_set_back, RUNNERS),
    "database restarted": (database_is_restarted, RUNNERS),
    "broker restarted": (broker_is_restarted, ("redis", "rabbitmq")),
    "storage away": (storage_is_away, RUNNERS),
}
MAIL = {"mail server down": {"up": False}, "mail too large": {"size_limit": 300}}
CELLS = [(fault, runner) for fault, (_, runners) in FAULTS.items() for runner in runners]
SHORT = [cell for number, cell in enumerate(CELLS) if number % 6 == 0]


@pytest.fixture(scope="session")
def books_database(tmp_path_factory):
    """800,000 books are seconds of work, with progress written every half second."""
    return copied(seeded(800_000, then=add_readers), tmp_path_factory.mktemp("database"))


@pytest.fixture(scope="session")
def books(books_database):
    """For each year, how many books there are up to its end."""
    with closing(sqlite3.connect(books_database)) as connection:
        count = "SELECT count(*) FROM library_book WHERE published_on <= ?"
        return {year: connection.execute(count, [f"{year}-12-31"]).fetchone()[0] for year in range(2018, 2025)}


@pytest.fixture(scope="session")
def rabbit():
    with restartable("rabbitmq") as server:
        yield server


@pytest.fixture
def broker(request, runner):
    """The runner's broker."""
    if runner == "rabbitmq":
        yield request.getfixturevalue("rabbit")
    elif runner == "redis":
        with restartable("redis") as server:
            yield server
    else:
        yield None


@pytest.fixture(scope="session")
def postgres(books_database):
    """PostgreSQL with the same books in a database `books`, for others to be made from; and the readers' sessions."""
    with restartable("postgresql") as server:
        for arguments in (["migrate", "-v0"], ["seed_books", 50_000, "-v0"]):
            done = manage(server.url, *arguments)
            assert done.returncode == 0, done.stderr
        sessions = add_readers(server.url)
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(COPIES_ON_POSTGRESQL)
        yield server, sessions


COPIES_ON_POSTGRESQL = """
    INSERT INTO library_book (title, author_id, isbn, genre, language, published_on, pages, price)
    SELECT title || ' ' || n, author_id, '9798' || lpad((row_number() OVER ())::text, 9, '0'), genre, language,
           published_on, pages, price
    FROM generate_series(1, 15) AS n CROSS JOIN library_book
"""


@pytest.fixture
def library(request, fault, books_database, tmp_path, django_db_blocker):
    if fault != "database restarted":
        return copy_of(books_database, tmp_path, mail_limit=1, unblocked=django_db_blocker.unblock)
    server, sessions = request.getfixturevalue("postgres")
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("TRUNCATE exports_export, django_tasks_database_dbtaskresult")
    return Library(server.url, tmp_path, django_db_blocker.unblock, mail_limit=1, sessions=sessions)


@pytest.mark.parametrize("fault, runner", CELLS if AT_A_TIME else SHORT)
def test_nothing_is_lost(fault, runner, broker, library, books, request, monkeypatch):
    happens, servers, bucket = FAULTS[fault][0], {"broker": broker}, None
    if fault == "clock set back":
        faketime(library)
    if fault == "mail refused":
        monkeypatch.setattr(SMTP, "smtp_RCPT", refuse)
    if fault == "mail slow":
        monkeypatch.setattr(SMTP, "smtp_RCPT", slowly)
    if fault == "database restarted":
        servers["database"] = request.getfixturevalue("postgres")[0]
    if fault == "storage away":
        servers["storage"] = request.getfixturevalue("storage")
        variables, bucket = servers["storage"].url
        library.more |= variables | {"AWS_MAX_ATTEMPTS": "2"}
    url = next(broker.url) if runner == "rabbitmq" else broker.url if broker else ""
    options = dict(MAIL.get(fault, {}))
    with Scene(library, runner, AT_A_TIME or 2, url, [], options, servers, bucket) as scene:
        scene.ask()
        happens(scene)
        scene.settle()
        states = scene.verify(books)
    note(os.environ.get("FAULTS_RESULTS"), fault=fault, runner=runner, hit=scene.count, **states)


@pytest.fixture
def storage():
    with restartable("s3") as server:
        yield server


async def slowly(server, argument, ours=SMTP.smtp_RCPT):
    await asyncio.sleep(3)
    await ours(server, argument)


async def refuse(server, argument):
    await server.push("550 5.1.1 No such user")


def faketime(library):
    """The processes of this library have a clock that a file moves."""
    (preloaded, *_) = [*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")] or pytest.skip("needs libfaketime")
    clock = library.folder / "clock"
    clock.write_text("+0\n")
    library.more |= {
        "LD_PRELOAD": str(preloaded),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
    }
