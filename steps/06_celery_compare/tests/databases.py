"""Seeded databases for the tests. Each is made once on this machine, kept among the temporary files, and copied.

All steps have the same tables for the library, so they share one file for each number of books.
"""

import getpass
import hashlib
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path

import django

from tests.servers import STEP, manage

KEPT = Path(tempfile.gettempdir()) / f"django-in-the-background-{getpass.getuser()}"
SEEDING = ("library/migrations/*.py", "library/factories.py", "library/management/commands/seed_books.py")
TABLES = ("*/migrations/*.py", "config/settings.py", "tests/exporting.py", *SEEDING)


def kept(name, make, code):
    """Return the folder that `make(folder)` has filled, in this run or an earlier one.

    `code` are patterns of the step's files that the result depends on. A folder that nobody has used for a day is
    removed.
    """
    files = sorted(path for pattern in code for path in STEP.glob(pattern))
    facts = [path.read_bytes() for path in files] + [f"{sys.version} {django.VERSION}".encode()]
    folder = KEPT / f"{name}-{hashlib.sha256(b''.join(facts)).hexdigest()[:16]}"
    KEPT.mkdir(mode=0o700, exist_ok=True)
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            remove_old_folders()
            part = Path(tempfile.mkdtemp(dir=KEPT))
            make(part)
            part.rename(folder)
        os.utime(folder)
    return folder


@contextmanager
def locked(path):
    """Hold the lock: where tests run in parallel, one process makes a database and the others wait for it."""
    import fcntl  # not on Windows, where these tests don't run

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove_old_folders():
    for path in KEPT.iterdir():
        if path.is_dir() and path.stat().st_mtime < time.time() - 24 * 3600:
            shutil.rmtree(path, ignore_errors=True)


def seeded(books, then=lambda database: None):
    """Return a SQLite file with this step's tables and that many books. Copy it before you write to it.

    `then(database)` adds what else the tests of this step need.
    """

    def make(folder):
        database = copied(library(books), folder)
        run(database, "migrate", "--verbosity=0")
        then(database)

    return kept(f"step-{books}", make, TABLES) / "library.sqlite3"


def copied(database, folder):
    """Copy the database, and what lies beside it, into the folder. Return where it is then.

    SQLite's files -wal and -shm come and go while another test reads the database, and contain nothing new.
    """
    ignore = shutil.ignore_patterns("*-wal", "*-shm")
    shutil.copytree(database.parent, folder, dirs_exist_ok=True, ignore=ignore)
    return folder / database.name


def library(books):
    """Return a SQLite file with the tables of the library only, and that many books."""

    def make(folder):
        database = folder / "library.sqlite3"
        if books > 100_000:
            multiply(copied(library(100_000), folder), books)
        else:
            run(database, "migrate", "library", "--verbosity=0")
            run(database, "seed_books", books, "--verbosity=0")

    return kept(f"library-{books}", make, SEEDING) / "library.sqlite3"


def run(database, *arguments):
    done = manage(database, *arguments)
    assert done.returncode == 0, done.stderr


def multiply(database, books):
    """Fill the table up to `books` with copies of its own rows, in one statement and with few indexes."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript("""
            DROP INDEX IF EXISTS book_genre; DROP INDEX IF EXISTS book_published_on;
            PRAGMA ignore_check_constraints = ON; PRAGMA cache_size = -65536;
        """)
        (made,) = connection.execute("SELECT count(*) FROM library_book").fetchone()
        connection.execute(COPIES, [books // made, books - made])
        connection.execute("CREATE INDEX book_published_on ON library_book (published_on)")  # for a quick request


COPIES = """
    WITH RECURSIVE copies (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM copies WHERE n < ?)
    INSERT INTO library_book (title, author_id, isbn, genre, language, published_on, pages, price)
    SELECT title || ' ' || n, author_id, printf('9798%09d', n * 1000000 + library_book.id), genre, language,
           published_on, pages, price
    FROM copies CROSS JOIN library_book LIMIT ?
"""
