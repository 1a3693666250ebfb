"""Other programs read the same texts from the file as are in the table."""

import csv
import io

import duckdb
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from library.factories import AWKWARD, BookFactory, awkward_books
from library.models import Book
from tests.servers import gunicorn, make_database, postgresql

pytestmark = pytest.mark.covers("library/book_csv.py", "library/views.py", "library/models.py", "library/factories.py")

# The texts that a column can have. PostgreSQL refuses NUL, and UTF-8 has no lone surrogates.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


def by_duckdb(path):
    options = "header=true, all_varchar=true, delim=',', quote='\"', escape='\"', nullstr='\x01'"
    return duckdb.sql(f"SELECT * FROM read_csv('{path}', {options})").fetchall()


def by_pandas(path):
    import pandas  # here, because this takes half a second, and each pytest process would do it

    read = pandas.read_csv(path, dtype=str, keep_default_na=False)
    return [tuple(row) for row in read.itertuples(index=False)]


@pytest.mark.django_db
@pytest.mark.parametrize("read_by", [by_duckdb, by_pandas])
def test_other_programs_read_every_awkward_book(client, tmp_path, read_by):
    for book in awkward_books():
        book.author.save()
        book.save()
    path = tmp_path / "books.csv"
    path.write_bytes(client.get("/books/download/", {"raw": "1"}).getvalue())
    read = read_by(path)
    fields = ["title", "author__name", "isbn", "genre", "language", "published_on", "pages", "price"]
    assert read == [tuple(map(str, row)) for row in Book.objects.values_list(*fields)]
    assert len(read) == len(AWKWARD)


@pytest.mark.django_db
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=TEXT, author=TEXT)
def test_any_text_survives_the_round_trip(client, title, author):
    Book.objects.all().delete()
    BookFactory(title=title, author__name=author)
    assert read_back(client, raw="1") == [title, author]
    assert read_back(client) == [escaped(title), escaped(author)]


def read_back(client, **query):
    text = client.get("/books/download/", query).getvalue().decode("utf-8")
    header, row = csv.reader(io.StringIO(text, newline=""))
    return row[:2]


def escaped(text):
    """Escape formulas as book_csv does, character by character."""
    before = ["", *text]
    return "".join(
        f"'{now}" if now in "=+-@" and last in ("", *";\t\r\n") else now
        for last, now in zip(before, text, strict=False)
    )


@pytest.fixture(scope="module")
def on_postgresql():
    """The URL of a PostgreSQL database with 20,000 books."""
    with postgresql() as url:
        yield make_database(url, books=20_000)


@pytest.mark.services
def test_postgresql_and_sqlite_give_the_same_bytes(database, on_postgresql, tmp_path):
    with psycopg.connect(on_postgresql) as connection:  # a server can be set to another format for dates
        connection.execute("ALTER ROLE library SET datestyle = 'German'")
    with (
        gunicorn(on_postgresql, tmp_path / "postgresql.log") as one_site,
        gunicorn(database, tmp_path / "sqlite.log") as other_site,
    ):
        for query in ("", "?raw=1&bom=1", "?genre=novel&published_from=1950-01-01&q=garden"):
            status, body = one_site.get("/books/download/" + query)
            assert (status, body) == other_site.get("/books/download/" + query)
            assert status == 200 and body.count(b"\r\n") > 50
