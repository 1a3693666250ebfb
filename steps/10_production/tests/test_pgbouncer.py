"""PgBouncer with pool_mode = transaction: each transaction can get another connection to PostgreSQL."""

import csv
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.db_workers import db_worker
from tests.exporting import Library, logged_in, request_export
from tests.postgresql import seeded_postgresql
from tests.servers import accepts_logins, free_port, manage, process, program, wait_for
from tests.test_production import ENVIRONMENT, collect_static

pytestmark = [
    pytest.mark.server,
    pytest.mark.services,
    pytest.mark.covers("config", "library/book_csv.py", "exports/job.py", "exports/models.py"),
]
BOOKS = 8_000  # four times as many as a cursor returns at a time
INI = """
[databases]
postgres = host=127.0.0.1 port={upstream} user=library
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
ignore_startup_parameters = options
"""


@contextmanager
def pgbouncer(url):
    """Run PgBouncer in front of the PostgreSQL at `url`, and yield its own URL. As root, run it as postgres."""
    user = {"user": "postgres"} if os.name == "posix" and os.geteuid() == 0 else {}
    upstream, port = urlsplit(url).port, free_port()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        path = Path(folder) / "pgbouncer.ini"
        path.write_text(INI.format(upstream=upstream, port=port))
        if user:
            shutil.chown(folder, **user)
        with process([program("pgbouncer"), path], cwd=folder, stdout=subprocess.DEVNULL, stderr=log, **user):
            through = url.replace(str(upstream), str(port))
            wait_for(lambda: accepts_logins(through), "PgBouncer")
            yield through


@pytest.fixture(scope="module")
def urls():
    """Yield the URL of a database with books and users, and the URL of its PgBouncer."""
    program("pgbouncer")
    with seeded_postgresql(BOOKS) as url, pgbouncer(url) as through:
        yield url, through


@pytest.fixture
def library(urls, tmp_path):
    """A library behind PgBouncer, with the settings for production. Its site accepts plain HTTP in this test."""
    variables = ENVIRONMENT | {"DJANGO_SETTINGS_MODULE": "tests.settings_production_http"}
    variables |= {"ALLOWED_HOSTS": "127.0.0.1,books.example.com", "EMAIL_URL": "smtp://127.0.0.1:1"}
    library = Library(urls[1], tmp_path, variables)
    collect_static(library.variables["DATA_DIR"])
    return library


@contextmanager
def site_of(library):
    options = {"settings": "tests.settings_production_http"}
    with library.site("--threads=10", **options) as site:
        yield site


def books_in(content):
    return list(csv.DictReader(StringIO(content.decode(), newline="")))


@pytest.fixture(scope="module")
def expected(urls):
    """The books that the command writes without PgBouncer."""
    return books_in(manage(urls[0], "export_books", "-o-", "-v0", text=False).stdout)


def test_ten_downloads_at_the_same_time_are_complete(library, expected):
    with site_of(library) as site, httpx.Client(base_url=f"http://127.0.0.1:{site.port}", timeout=60) as client:
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(client.get, ["/books/download/"] * 20))
    assert len(expected) == BOOKS
    for answer in answers:
        assert answer.status_code == 200
        assert books_in(answer.content) == expected


def test_ten_exports_have_the_right_books(library, urls, expected):
    library.variables["EXPORT_RUNNER"] = "database"
    with site_of(library) as site, logged_in(site) as client, psycopg.connect(urls[0], autocommit=True) as connection:
        days = [f"{1990 + number}-12-31" for number in range(10)]
        ids = [request_export(client, f"?published_to={day}") for day in days]
        with db_worker(library), ThreadPoolExecutor(4) as pool:  # downloads use the pool at the same time
            downloads = pool.map(client.get, ["/books/download/"] * 8)
            query = "SELECT count(*) FROM exports_export WHERE state = 'done' AND token = 1"
            wait_for(lambda: connection.execute(query).fetchone() == (10,), "the exports", seconds=120)
            contents = [answer.content for answer in downloads]
        assert all(books_in(content) == expected for content in contents)
        for export_id, day in zip(ids, days, strict=True):
            books = books_in(client.get(f"/exports/{export_id}/download/").content)
            assert books == [book for book in expected if book["published_on"] <= day]


def test_the_admin_reads_lists_without_a_cursor(library, urls):
    """A list of choices is read with iterator(), outside of a transaction."""
    with psycopg.connect(urls[0], autocommit=True) as connection:
        connection.execute("UPDATE auth_user SET is_staff = true, is_superuser = true WHERE id = 1")
    with site_of(library) as site, logged_in(site) as client, ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(client.get, ["/admin/auth/user/1/change/"] * 30))
    assert {answer.status_code for answer in answers} == {200}
