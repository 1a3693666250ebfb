"""What the tests of this step share."""

import sqlite3
from contextlib import closing

import pytest

from tests.servers import gunicorn, make_database, manage


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """A SQLite file with 20,000 seeded books, for tests that only read them."""
    return make_database(tmp_path_factory.mktemp("database") / "library.sqlite3", books=20_000)


@pytest.fixture(scope="session")
def large_database(tmp_path_factory):
    """A SQLite file with so many books that a worker here needs some 3 seconds to send them.

    The tests' time-outs are one second, and gunicorn acts after two. How many books that takes
    follows from the step's own speed, when nothing else slowed it down.
    """
    folder = tmp_path_factory.mktemp("large_database")
    database = make_database(folder / "library.sqlite3", books=100_000)
    with closing(sqlite3.connect(database)) as connection:
        # A download reads the whole table. Without these indexes it is seeded in half the time.
        connection.executescript("DROP INDEX IF EXISTS book_genre; DROP INDEX IF EXISTS book_published_on;")
    books = int(100_000 * 3 / seconds_to_download(database, folder / "gunicorn.log"))
    assert manage(database, "seed_books", books - 100_000, "-v0").returncode == 0
    return database


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
