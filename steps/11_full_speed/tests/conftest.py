"""Fixtures for the tests of this step."""

import sqlite3
from contextlib import ExitStack, closing

import pytest
from django.db import connections
from django.test import override_settings

from tests.databases import copied, seeded
from tests.exporting import Library, add_users
from tests.postgresql import seeded_postgresql


@pytest.fixture(scope="session", autouse=True)
def quick_passwords():
    """Hash passwords fast. Django's own hasher takes a third of a second for each user of each test."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True)
def one_connection(request):
    """Read books and save the progress within the transaction of the test, if the test has one."""
    if not (request.node.get_closest_marker("django_db") or "db" in request.fixturenames):
        yield
        return
    request.getfixturevalue("db")
    connections["progress"] = connections["snapshot"] = connections["default"]
    yield
    del connections["progress"], connections["snapshot"]


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """A SQLite file with 20,000 books, for tests that only read."""
    return copied(seeded(20_000), tmp_path_factory.mktemp("database"))


@pytest.fixture(scope="session")
def large_database():
    """A SQLite file with 400,000 books, for tests that only read. A download takes several seconds."""
    return seeded(400_000, then=add_users)  # the same file as for large_library


@pytest.fixture(scope="session")
def last_isbn(large_database):
    """The ISBN of the last book, which only a complete file contains."""
    with closing(sqlite3.connect(large_database)) as connection:
        return connection.execute("SELECT isbn FROM library_book ORDER BY id DESC").fetchone()[0].encode()


@pytest.fixture
def library(tmp_path):
    """A library with 500 books and two users."""
    return Library(copied(seeded(500, then=add_users), tmp_path), tmp_path)


@pytest.fixture
def large_library(tmp_path):
    """A library with 400,000 books and two users. An export takes several seconds."""
    return Library(copied(seeded(400_000, then=add_users), tmp_path), tmp_path)


@pytest.fixture(scope="session")
def postgres():
    """The URL of a PostgreSQL server with 300 books and two users. Many tests use it, one after the other."""
    with seeded_postgresql(300) as url:
        yield url


@pytest.fixture
def exit_stack():
    """A stack for context managers that end together with the test."""
    with ExitStack() as stack:
        yield stack
