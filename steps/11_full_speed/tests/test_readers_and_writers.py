"""A download can read the table for a long time. Other users must not wait for it."""

import csv
import io
import sqlite3
from contextlib import closing

import pytest

from tests.databases import copied, seeded
from tests.servers import gunicorn, wait_for
from tests.streams import DOWNLOAD

pytestmark = [pytest.mark.server, pytest.mark.covers("library/book_csv.py", "library/views.py", "gunicorn.conf.py")]

TITLE = "Written While Reading"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A library to write into. Its file doesn't fit the buffers between server and client."""
    return copied(seeded(150_000), tmp_path_factory.mktemp("database"))


def write(database):
    """Change a book. Return False if the table is locked for a tenth of a second."""
    try:
        with closing(sqlite3.connect(database, timeout=0.1)) as connection, connection:
            return connection.execute("UPDATE library_book SET title = ? WHERE id = 7", [TITLE]).rowcount == 1
    except sqlite3.OperationalError as error:
        assert "locked" in str(error)
        return False


def begin(response):
    """Read the header and the first rows of a stream, so that its query has started."""
    assert response.status == 200
    assert response.headers["Transfer-Encoding"] == "chunked"
    return response.read(100_000)


def test_a_writer_does_not_wait_for_a_download(database, tmp_path):
    with gunicorn(database, tmp_path / "gunicorn.log") as site, site.open(DOWNLOAD) as response:
        first = begin(response)
        assert write(database)
        rows = csv.reader(io.StringIO((first + response.read()).decode()))
        assert sum(1 for row in rows) == 1 + 150_000


def test_trap_with_sqlites_default_journal_a_writer_waits_for_a_download(database, tmp_path):
    settings = "tests.settings_delete_journal"
    with gunicorn(database, tmp_path / "gunicorn.log", settings=settings) as site:
        with site.open(DOWNLOAD) as response:
            begin(response)
            assert not write(database)
            response.read()
        wait_for(lambda: write(database), "the table to be free after the download")


def test_when_the_client_disconnects_the_query_is_closed(database, tmp_path):
    settings = "tests.settings_delete_journal"  # with this journal an open query locks the table
    with gunicorn(database, tmp_path / "gunicorn.log", settings=settings) as site:
        with site.open(DOWNLOAD) as response:
            begin(response)
            assert not write(database)
        wait_for(lambda: write(database), "the table to be free after the client has disconnected")
        assert site.get("/books/")[0] == 200
