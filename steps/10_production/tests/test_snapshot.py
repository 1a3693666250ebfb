"""An export has the books of one moment, whatever others write."""

import csv

import psycopg
import pytest

from tests.exporting import Library
from tests.postgresql import seeded_postgresql

pytestmark = [pytest.mark.server, pytest.mark.covers("exports/job.py", "library/book_csv.py", "config/settings.py")]

# Something writes at the worst moment: when the export has counted the books, and before it reads them.
SQLITE = """
CREATE TRIGGER meanwhile AFTER UPDATE OF rows_total ON exports_export WHEN OLD.rows_total IS NULL BEGIN
    DELETE FROM library_book WHERE id % 3 = 0;
    UPDATE library_book SET title = 'changed';
END
"""
POSTGRESQL = """
CREATE FUNCTION meanwhile() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM library_book WHERE id % 3 = 0;
    UPDATE library_book SET title = 'changed';
    RETURN NULL;
END $$;
CREATE TRIGGER meanwhile AFTER UPDATE OF rows_total ON exports_export
    FOR EACH ROW WHEN (OLD.rows_total IS NULL) EXECUTE FUNCTION meanwhile();
"""
ADD = "from exports.models import Export; from django.contrib.auth.models import User; "
ADD += "print(Export.objects.create(owner=User.objects.get(username='reader')).pk)"


def books_of(library, export_id):
    """Run the export, and return the rows of its file."""
    done = library.manage("run_task", "exports.tasks.run_export", f'[["{export_id}"], {{}}]')
    assert done.returncode == 0, done.stderr
    with (library.folder / "data" / "files" / "exports" / f"{export_id}-1.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_books_that_are_counted_are_written_on_sqlite(library):
    library.sql(SQLITE)
    books = books_of(library, library.add_export())
    assert len(books) == 500 and not any(book["title"] == "changed" for book in books)
    assert library.sql("SELECT count(*) AS books FROM library_book")[0]["books"] < 500


@pytest.mark.services
@pytest.mark.parametrize("settings", ["config.settings", "tests.settings_no_snapshot"])
def test_the_books_that_are_counted_are_written_on_postgresql(tmp_path, settings):
    with seeded_postgresql(300) as url, psycopg.connect(url, autocommit=True) as connection:
        library = Library(url, tmp_path, {"DJANGO_SETTINGS_MODULE": settings})
        export_id = library.manage("shell", "-v0", "-c", ADD).stdout.strip()
        connection.execute(POSTGRESQL)
        books = books_of(library, export_id)
        changed = [book for book in books if book["title"] == "changed"]
        assert (len(books), len(changed)) == ((300, 0) if settings == "config.settings" else (200, 200))
