"""Streams that end early: what ends them, what detects it, and what helps."""

import re
import sqlite3
from contextlib import closing
from http.client import IncompleteRead

import pytest

from tests.databases import copied, seeded
from tests.servers import gunicorn, nginx
from tests.streams import DOWNLOAD, download_until_the_timeout, shipped_nginx_conf, unbuffered, warm_up

pytestmark = [
    pytest.mark.server,
    pytest.mark.covers("library/book_csv.py", "library/views.py", "gunicorn.conf.py", "nginx.conf"),
]

# With more than one thread, gunicorn uses gthread whatever the worker class is.
SYNC_WITH_SHORT_TIMEOUT = ("--worker-class=sync", "--threads=1", "--timeout=1")


def sql(database, statement):
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement)


def test_trap_gunicorn_kills_a_sync_worker_that_is_still_sending(large_database, tmp_path):
    with gunicorn(large_database, tmp_path / "gunicorn.log", *SYNC_WITH_SHORT_TIMEOUT) as site:
        warm_up(site)
        with download_until_the_timeout(site, site) as response:
            assert response.status == 200
            with pytest.raises((IncompleteRead, ConnectionError)):
                response.read()


def test_trap_over_http_1_0_a_truncated_file_looks_complete(large_database, last_isbn, tmp_path):
    server = shipped_nginx_conf().replace("proxy_http_version 1.1", "proxy_http_version 1.0")
    with gunicorn(large_database, tmp_path / "gunicorn.log", *SYNC_WITH_SHORT_TIMEOUT) as upstream:
        warm_up(upstream)
        with (
            nginx(upstream, tmp_path / "nginx", unbuffered(server)) as site,
            download_until_the_timeout(site, upstream) as response,
        ):
            assert response.status == 200
            body = response.read()
    assert body.startswith(b"title,author") and last_isbn not in body


def test_over_http_1_1_a_truncated_file_is_an_error(large_database, tmp_path):
    with gunicorn(large_database, tmp_path / "gunicorn.log", *SYNC_WITH_SHORT_TIMEOUT) as upstream:
        warm_up(upstream)
        with (
            nginx(upstream, tmp_path / "nginx", unbuffered(shipped_nginx_conf())) as site,
            download_until_the_timeout(site, upstream) as response,
        ):
            assert response.status == 200
            with pytest.raises((IncompleteRead, ConnectionError)):
                response.read()


def test_a_database_error_while_streaming_is_an_error_for_the_client(tmp_path):
    database = copied(seeded(20_000), tmp_path)
    with gunicorn(database, tmp_path / "gunicorn.log") as site:
        assert site.get(DOWNLOAD)[0] == 200
        # A title that isn't valid UTF-8, as a broken import leaves it.
        spoil = "UPDATE library_book SET title = CAST(x'ff' AS text) WHERE id = (SELECT max(id) FROM library_book)"
        sql(database, spoil)
        with site.open(DOWNLOAD) as response:
            assert response.status == 200
            with pytest.raises((IncompleteRead, ConnectionError)):
                response.read()
        assert re.search("OperationalError.*UTF-8", site.log.read_text())


def test_a_query_that_fails_immediately_is_an_error_page(tmp_path):
    database = copied(seeded(20_000), tmp_path)
    sql(database, "ALTER TABLE library_book RENAME TO lost")
    with gunicorn(database, tmp_path / "gunicorn.log") as site:
        assert site.get(DOWNLOAD)[0] == 500
        sql(database, "ALTER TABLE lost RENAME TO library_book")
        with site.open(DOWNLOAD) as response:
            assert response.status == 200
            assert response.headers["Transfer-Encoding"] == "chunked"
