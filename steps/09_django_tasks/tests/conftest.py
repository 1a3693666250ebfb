"""What the tests of this step share."""

import math
import sqlite3
from contextlib import closing

import pytest
from django.test import override_settings

from tests.databases import copied, kept, seeded
from tests.exporting import add_readers, copy_of
from tests.servers import gunicorn


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    # Tests with servers run with `pytest --all` only: their behaviour moves to the rebuilt steps 07 to 11.
    if config.rootpath.parent.name == "steps":
        for item in items:
            if any(map(item.get_closest_marker, ("server", "services", "browser"))):
                item.add_marker("slow")


@pytest.fixture(scope="session", autouse=True)
def quick_passwords():
    """Django makes hashing a password slow on purpose: a third of a second, for each user of each test."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """A SQLite file with 20,000 seeded books and some readers, for tests that only read them."""
    return copied(seeded(20_000, then=add_readers), tmp_path_factory.mktemp("database"))


@pytest.fixture(scope="session")
def large_database():
    """A SQLite file with so many books that a worker here needs about 3.5 seconds to send them.

    The tests' timeouts are one or two seconds, and gunicorn acts up to a second later. The number of books follows
    from the step's own speed.
    """
    return seeded(books_for(3.5), then=add_readers)


def books_for(seconds):
    """Return how many books a worker of this step sends in that time."""
    speed = kept("speed", measure_speed, ("library/*.py", "gunicorn.conf.py")) / "books_per_second"
    return math.ceil(seconds * float(speed.read_text()) / 100_000) * 100_000


def measure_speed(folder):
    """Write down how many books a worker sends in a second of CPU time: in the best of four, the least disturbed."""
    with gunicorn(seeded(100_000, then=add_readers), folder / "gunicorn.log", "--timeout=0") as site:
        (worker,) = site.process.children()
        taken = []
        for _ in range(4):
            before = sum(worker.cpu_times()[:2])
            status, body = site.get("/books/download/")
            assert status == 200
            taken.append(sum(worker.cpu_times()[:2]) - before)
    (folder / "books_per_second").write_text(str(100_000 / min(taken)))


@pytest.fixture(scope="session")
def last_isbn(large_database):
    """What only the end of a complete file has: the ISBN of the last book."""
    with closing(sqlite3.connect(large_database)) as connection:
        return connection.execute("SELECT isbn FROM library_book ORDER BY id DESC").fetchone()[0].encode()


@pytest.fixture
def library(database, tmp_path, django_db_blocker):
    """A library with 20,000 books, for a test that exports them."""
    return copy_of(database, tmp_path, unblocked=django_db_blocker.unblock)


@pytest.fixture
def medium_library(tmp_path, django_db_blocker):
    """A library whose export takes half a second."""
    return copy_of(seeded(300_000, then=add_readers), tmp_path, unblocked=django_db_blocker.unblock)


@pytest.fixture
def large_library(tmp_path, django_db_blocker):
    """A library whose export takes about two seconds, and its email none: that is always a link."""
    database = seeded(books_for(2), then=add_readers)
    return copy_of(database, tmp_path, mail_limit=1, unblocked=django_db_blocker.unblock)
