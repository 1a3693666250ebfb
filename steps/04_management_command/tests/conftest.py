"""What the tests of this step share."""

import sqlite3
from contextlib import closing

import pytest
from django.test import override_settings

from tests.servers import gunicorn, make_database


@pytest.fixture(scope="session", autouse=True)
def quick_passwords():
    """Django makes hashing a password slow on purpose: a third of a second, for each user of each test."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """A SQLite file with 20,000 seeded books, for tests that only read them."""
    return make_database(tmp_path_factory.mktemp("database") / "library.sqlite3", books=20_000)


@pytest.fixture(scope="session")
def large_database(tmp_path_factory):
    """A SQLite file with so many books that a worker here needs some 3.5 seconds to send them.

    The tests' time-outs are one or two seconds, and gunicorn acts a second later. How many books that takes
    follows from the step's own speed, when nothing else slowed it down.
    """
    folder = tmp_path_factory.mktemp("large_database")
    database = make_database(folder / "library.sqlite3", books=100_000)
    books = int(100_000 * 3.5 / seconds_to_download(database, folder / "gunicorn.log"))
    multiply(database, books)
    return database


def multiply(database, books):
    """Fill the table up to `books` with copies of its own rows, in one statement and with no index but the needed."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript("""
            DROP INDEX IF EXISTS book_genre; DROP INDEX IF EXISTS book_published_on;
            PRAGMA ignore_check_constraints = ON; PRAGMA cache_size = -65536;
        """)
        (made,) = connection.execute("SELECT count(*) FROM library_book").fetchone()
        connection.execute(COPIES, [books // made, books - made])


COPIES = """
    WITH RECURSIVE copies (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM copies WHERE n < ?)
    INSERT INTO library_book (title, author_id, isbn, genre, language, published_on, pages, price)
    SELECT title || ' ' || n, author_id, printf('9798%09d', n * 1000000 + library_book.id), genre, language,
           published_on, pages, price
    FROM copies CROSS JOIN library_book LIMIT ?
"""


def seconds_to_download(database, log):
    """The processor's time for the whole download: the least of four, as the others were disturbed."""
    with gunicorn(database, log, "--timeout=0") as site:
        (worker,) = site.process.children()
        taken = []
        for _ in range(4):
            before = sum(worker.cpu_times()[:2])
            status, body = site.get("/books/download/")
            assert status == 200
            taken.append(sum(worker.cpu_times()[:2]) - before)
        return min(taken)


@pytest.fixture(scope="session")
def last_isbn(large_database):
    """What only the end of a complete file has: the ISBN of the last book."""
    with closing(sqlite3.connect(large_database)) as connection:
        return connection.execute("SELECT isbn FROM library_book ORDER BY id DESC").fetchone()[0].encode()
