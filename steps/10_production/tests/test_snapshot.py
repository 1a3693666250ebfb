"""An export shows the books as they were at one moment, whatever others write meanwhile."""

import csv
import hashlib
import sqlite3
import threading
from contextlib import closing

import psycopg
import pytest

pytestmark = pytest.mark.server

# Somebody writes at the worst moment: when the export has counted the books, and before it reads them.
SQLITE = """
CREATE TRIGGER meanwhile AFTER UPDATE OF rows_total ON exports_export WHEN OLD.rows_total IS NULL BEGIN
    DELETE FROM library_book WHERE id % 3 = 0;
    UPDATE library_book SET title = 'changed meanwhile';
END
"""
POSTGRESQL = """
CREATE FUNCTION meanwhile() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM library_book WHERE id % 3 = 0;
    UPDATE library_book SET title = 'changed meanwhile';
    RETURN NULL;
END $$;
CREATE TRIGGER meanwhile AFTER UPDATE OF rows_total ON exports_export
    FOR EACH ROW WHEN (OLD.rows_total IS NULL) EXECUTE FUNCTION meanwhile();
"""


def books_of(library, **variables):
    """The rows of the file of an export that was made with these variables."""
    (export_id,) = library.new_exports()
    done = library.manage("run_export", export_id, variables=variables)
    assert done.returncode == 0, done.stderr
    (file,) = library.files()
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_what_is_counted_is_what_is_written_on_sqlite(library):
    library.change(SQLITE)
    books = books_of(library)
    assert len(books) == 20_000
    assert not any(book["title"] == "changed meanwhile" for book in books)
    assert library.change("SELECT count(*) FROM library_book")[0][0] < 20_000


@pytest.mark.services
def test_what_is_counted_is_what_is_written_on_postgresql(postgres_library):
    with psycopg.connect(postgres_library.database, autocommit=True) as connection:
        connection.execute(POSTGRESQL)
        books = books_of(postgres_library)
        assert len(books) == 3_000
        assert not any(book["title"] == "changed meanwhile" for book in books)
        assert connection.execute("SELECT count(*) FROM library_book").fetchone() == (2_000,)


@pytest.mark.services
def test_without_the_snapshot_postgresql_writes_other_books_than_it_counted(postgres_library):
    with psycopg.connect(postgres_library.database, autocommit=True) as connection:
        connection.execute(POSTGRESQL)
        books = books_of(postgres_library, DJANGO_SETTINGS_MODULE="tests.settings_no_snapshot")
        assert len(books) == 2_000
        assert all(book["title"] == "changed meanwhile" for book in books)
        assert connection.execute("SELECT rows_total, rows_done FROM exports_export").fetchone() == (2_000, 2_000)


def test_others_write_all_the_time_and_are_not_kept_waiting(large_library):
    """Each writer's transaction moves a page from one book to another: their sum is always the same."""
    with closing(sqlite3.connect(large_library.database)) as connection:
        (pages,) = connection.execute("SELECT sum(pages) FROM library_book").fetchone()
    over, moved = threading.Event(), 0

    def write():
        nonlocal moved
        with closing(sqlite3.connect(large_library.database, timeout=1)) as connection:
            while not over.wait(0.01):  # seconds
                more, less = (1, 999) if moved % 2 else (999, 1)
                with connection:
                    connection.execute("UPDATE library_book SET pages = pages + 1 WHERE id = ?", [more])
                    connection.execute("UPDATE library_book SET pages = pages - 1 WHERE id = ?", [less])
                moved += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        books = books_of(large_library)
    finally:
        over.set()
        writer.join()
    assert moved > 10
    checksum = hashlib.sha256(large_library.files()[0].read_bytes()).hexdigest()
    assert large_library.change("SELECT sha256 FROM exports_export") == [(checksum,)]
    assert sum(int(book["pages"]) for book in books) == pages
