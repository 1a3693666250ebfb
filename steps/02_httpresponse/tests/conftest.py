"""What the tests of this step share."""

import time

import pytest

from tests.servers import gunicorn, make_database, manage


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """A SQLite file with 20,000 seeded books, for tests that only read them."""
    return make_database(tmp_path_factory.mktemp("database") / "library.sqlite3", books=20_000)


@pytest.fixture(scope="session")
def large_database(tmp_path_factory):
    """A SQLite file with so many books that this machine needs some 3 seconds to send them.

    The tests' time-outs are one second; the number of books follows from the step's own speed.
    """
    folder = tmp_path_factory.mktemp("large_database")
    database = make_database(folder / "library.sqlite3", books=50_000)
    books = 50_000
    while (seconds := seconds_to_download(database, folder / "gunicorn.log")) < 2.7:
        more = int(books * 3.3 / seconds) - books
        assert manage(database, "seed_books", more, "-v0").returncode == 0
        books += more
    return database


def seconds_to_download(database, log):
    with gunicorn(database, log, "--timeout=0") as site:
        site.get("/books/")  # the worker has imported all it needs
        started = time.monotonic()
        status, body = site.get("/books/download/")
        assert status == 200
        return time.monotonic() - started
