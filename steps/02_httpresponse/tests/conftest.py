"""What the tests of this step share."""

import math

import pytest
from django.test import override_settings

from tests.databases import copied, kept, seeded
from tests.servers import gunicorn


@pytest.fixture(scope="session", autouse=True)
def quick_passwords():
    """Django makes hashing a password slow on purpose: a third of a second, for each user of each test."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """A SQLite file with 20,000 seeded books, for tests that only read them."""
    return copied(seeded(20_000), tmp_path_factory.mktemp("database"))


@pytest.fixture(scope="session")
def large_database():
    """A SQLite file with so many books that a worker here needs about 3.5 seconds to send them.

    The tests' timeouts are one or two seconds, and gunicorn acts up to a second later. The number of books follows
    from the step's own speed.
    """
    return seeded(books_for(3.5))


def books_for(seconds):
    """Return how many books a worker of this step sends in that time."""
    speed = kept("speed", measure_speed, ("library/*.py", "gunicorn.conf.py")) / "books_per_second"
    return math.ceil(seconds * float(speed.read_text()) / 100_000) * 100_000


def measure_speed(folder):
    """Write down how many books a worker sends in a second of CPU time: in the best of four, the least disturbed."""
    with gunicorn(seeded(100_000), folder / "gunicorn.log", "--timeout=0") as site:
        (worker,) = site.process.children()
        taken = []
        for _ in range(4):
            before = sum(worker.cpu_times()[:2])
            status, body = site.get("/books/download/")
            assert status == 200
            taken.append(sum(worker.cpu_times()[:2]) - before)
    (folder / "books_per_second").write_text(str(100_000 / min(taken)))
