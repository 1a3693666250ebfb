"""What other programs read from the file is what is in the table, whatever the text."""

import csv
import io

import duckdb
import pandas
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from library.factories import AWKWARD, BookFactory, awkward_books
from library.models import Book
from tests.servers import gunicorn, make_database, postgresql

# What a text column can hold: PostgreSQL refuses NUL, and UTF-8 has no lone surrogates.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


def by_duckdb(path):
    options = "header=true, all_varchar=true, delim=',', quote='\"', escape='\"', nullstr='\x01'"
    return duckdb.sql(f"SELECT * FROM read_csv('{path}', {options})").fetchall()


def by_pandas(path):
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
    assert read_back(client) == [without_formula(title), without_formula(author)]


def read_back(client, **query):
    text = client.get("/books/download/", query).getvalue().decode("utf-8")
    header, row = csv.reader(io.StringIO(text, newline=""))
    return row[:2]


def without_formula(text):
    return "'" + text if text.startswith(tuple("=+-@\t\r")) else text


@pytest.mark.services
@pytest.mark.covers("library/book_csv.py")
def test_postgresql_and_sqlite_give_the_same_bytes(database, tmp_path):
    with postgresql() as url:
        make_database(url, books=20_000)
        with psycopg.connect(url) as connection:  # a server may write dates in any way
            connection.execute("ALTER ROLE library SET datestyle = 'German'")
        with (
            gunicorn(url, tmp_path / "postgresql.log") as on_postgresql,
            gunicorn(database, tmp_path / "sqlite.log") as on_sqlite,
        ):
            for query in ("", "?raw=1&bom=1", "?genre=novel&published_from=1950-01-01&q=garden"):
                status, body = on_postgresql.get("/books/download/" + query)
                assert (status, body) == on_sqlite.get("/books/download/" + query)
                assert status == 200 and body.count(b"\r\n") > 50
