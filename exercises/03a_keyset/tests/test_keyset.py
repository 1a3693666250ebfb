"""Exercise 03a: a query for each chunk instead of one open query."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from library import book_csv
from library.factories import BookFactory
from library.models import Book

pytestmark = pytest.mark.django_db

HEADER = ",".join(book_csv.HEADER)


@pytest.fixture
def seven(monkeypatch):
    """Seven books whose primary keys have gaps, three in a chunk."""
    books = BookFactory.create_batch(9)
    books[2].delete()
    books[5].delete()
    monkeypatch.setattr(book_csv, "BATCH", 3)


def test_the_same_bytes(seven):
    lines = b"".join(book_csv.csv_chunks(Book.objects.all())).decode().splitlines()
    isbns = [line.split(",")[-6] for line in lines[1:]]
    assert lines[0] == HEADER
    assert isbns == list(Book.objects.order_by("pk").values_list("isbn", flat=True))
    assert list(book_csv.csv_chunks(Book.objects.none())) == [f"{HEADER}\r\n".encode()]
    assert len(list(book_csv.csv_chunks(Book.objects.filter(genre="novel")))) >= 1


def test_each_query_reads_one_chunk_from_a_primary_key_on(seven):
    with CaptureQueriesContext(connection) as queries:
        assert len(list(book_csv.csv_chunks(Book.objects.all()))) == 3
    statements = [query["sql"] for query in queries]
    assert len(statements) == 3
    assert all("LIMIT 3" in sql and "OFFSET" not in sql for sql in statements)
    assert all('"library_book"."id" >' in sql for sql in statements[1:])


def test_between_two_chunks_no_query_is_open(seven):
    chunks = book_csv.csv_chunks(Book.objects.all())
    with CaptureQueriesContext(connection) as queries:
        first = next(chunks)
        assert len(queries) == 1 and "LIMIT" in queries[0]["sql"]
    late = BookFactory(title="Added while the first chunk was sent")
    rest = b"".join(chunks)
    assert late.isbn.encode() in rest and late.isbn.encode() not in first
