"""A download reads for as long as its visitor is slow. Nobody else may have to wait for that."""

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
    """A library to write into, large enough to fill the buffers between the two ends."""
    return copied(seeded(150_000), tmp_path_factory.mktemp("database"))


def write(database):
    """Change a book, waiting a tenth of a second at most; False if somebody has the table locked."""
    try:
        with closing(sqlite3.connect(database, timeout=0.1)) as connection, connection:
            return connection.execute("UPDATE library_book SET title = ? WHERE id = 7", [TITLE]).rowcount == 1
    except sqlite3.OperationalError as error:
        assert "locked" in str(error)
        return False


def begin(response):
    """Read the header and the first rows of a stream, so that its query is under way."""
    assert response.status == 200
    assert response.headers["Transfer-Encoding"] == "chunked"
    return response.read(100_000)


def test_a_writer_need_not_wait_for_a_download(database, tmp_path):
    with gunicorn(database, tmp_path / "gunicorn.log") as site, site.open(DOWNLOAD) as response:
        first = begin(response)
        assert write(database)
        rows = csv.reader(io.StringIO((first + response.read()).decode()))
        assert sum(1 for row in rows) == 1 + 150_000


def test_trap_with_the_default_journal_it_must(database, tmp_path):
    settings = "tests.settings_delete_journal"
    with gunicorn(database, tmp_path / "gunicorn.log", settings=settings) as site:
        with site.open(DOWNLOAD) as response:
            begin(response)
            assert not write(database)
            response.read()
        wait_for(lambda: write(database), "the table to be free after the download")


def test_when_the_visitor_leaves_the_query_is_closed(database, tmp_path):
    settings = "tests.settings_delete_journal"  # under which an open query can be seen from outside
    with gunicorn(database, tmp_path / "gunicorn.log", settings=settings) as site:
        with site.open(DOWNLOAD) as response:
            begin(response)
            assert not write(database)
        wait_for(lambda: write(database), "the table to be free after the visitor left")
        assert site.get("/books/")[0] == 200
