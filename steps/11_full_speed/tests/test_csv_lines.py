"""The database writes the bytes that csv.writer would write."""

import csv
import io
import random
import re
import sys
from itertools import product

import psycopg
import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from library.book_csv import csv_chunks
from library.csv_lines import book_lines
from library.factories import AWKWARD, BookFactory
from library.models import Book
from tests.servers import make_database, manage, postgresql

SPECIAL = ";\t\r\n,\"'=+-@ a"
TEXT = st.text(SPECIAL, max_size=20) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def expected(rows, raw):
    """Return the file as step 10 writes it, with Python."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    for title, author, *others in rows:
        if not raw:
            title, author = (re.sub(r"(?<![^;\t\r\n])(?=[=+\-@])", "'", text) for text in (title, author))
        writer.writerow([title, author, *others])
    return file.getvalue().encode()


@pytest.mark.django_db
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=TEXT, author=TEXT, raw=st.booleans())
def test_any_text_has_the_same_bytes_on_sqlite(title, author, raw):
    Book.objects.all().delete()
    BookFactory(title=title, author__name=author)
    fields = ["title", "author__name", "isbn", "genre", "language", "published_on", "pages", "price"]
    rows = Book.objects.values_list(*fields)
    assert "".join(book_lines(Book.objects.all(), raw=raw)).encode() == expected(rows, raw)


def calls(queryset):
    """Count the calls of functions while the file is made. This number is the same on each machine."""
    number = 0

    def count(frame, event, argument):
        nonlocal number
        number += event in ("call", "c_call")

    list(csv_chunks(queryset))
    sys.setprofile(count)
    try:
        list(csv_chunks(queryset))
    finally:
        sys.setprofile(None)
    return number


@pytest.mark.django_db
def test_python_does_almost_nothing_for_a_book():
    call_command("seed_books", "2000", verbosity=0)
    few = Book.objects.filter(pk__lte=Book.objects.order_by("pk")[999].pk)
    assert calls(Book.objects.all()) - calls(few) < 3 * 1_000


@pytest.mark.services
def test_many_texts_have_the_same_bytes_on_postgresql(tmp_path):
    choose = random.Random(1)
    texts = [text for pair in AWKWARD for text in pair]
    texts += ["".join(choose.choices(SPECIAL, k=choose.randrange(12))) for _ in range(2_000)]
    with postgresql() as url:
        make_database(url, books=len(texts))
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE texts (number serial, text text)")
            connection.cursor().executemany("INSERT INTO texts (text) VALUES (%s)", [(text,) for text in texts])
            connection.execute("""
                UPDATE library_book SET title = text FROM texts
                JOIN (SELECT id, row_number() OVER (ORDER BY id) FROM library_book) AS numbered ON number = row_number
                WHERE library_book.id = numbered.id
            """)
            rows = connection.execute("""
                SELECT title, name, isbn, genre, language, published_on, pages, price
                FROM library_book JOIN library_author ON author_id = library_author.id ORDER BY library_book.id
            """).fetchall()
        for engine, raw in product(["orm", "native"], [False, True]):
            path = tmp_path / f"{engine}-{raw}.csv"
            options = ["--raw"] if raw else []
            done = manage(url, "export_books", "-v0", f"--engine={engine}", "-o", path, *options)
            assert done.returncode == 0, done.stderr
            assert path.read_bytes().partition(b"\r\n")[2] == expected(rows, raw)
