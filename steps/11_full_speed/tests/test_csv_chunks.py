"""`csv_chunks` yields the bytes of the download in chunks."""

import io
import zlib

import django
import pytest
from django.core.management import call_command
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from django.utils.text import compress_sequence

from library.book_csv import csv_chunks
from library.factories import BookFactory
from library.models import Book
from tests.streams import DOWNLOAD

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.covers("library/book_csv.py", "library/views.py", "library/models.py"),
]


def test_chunks_are_bytes_and_the_first_has_the_header(client):
    BookFactory.create_batch(3)
    chunks = list(csv_chunks(Book.objects.all()))
    assert all(isinstance(chunk, bytes) for chunk in chunks)
    assert chunks[0].startswith(b"title,author,isbn,genre,language,published_on,pages,price\r\n")
    response = client.get(DOWNLOAD)
    assert isinstance(response, StreamingHttpResponse)
    assert response.getvalue() == b"".join(chunks)


def test_raw_and_bom_reach_the_chunks():
    BookFactory(title="=1+1")
    assert b"\r\n'=1+1," in b"".join(csv_chunks(Book.objects.all()))
    marked = b"".join(csv_chunks(Book.objects.all(), raw=True, bom=True))
    assert marked.startswith(b"\xef\xbb\xbftitle,") and b"\r\n=1+1," in marked


def test_the_books_are_read_by_one_query_when_the_first_chunk_is_needed(django_assert_num_queries):
    call_command("seed_books", "6000", verbosity=0)
    with django_assert_num_queries(0):
        chunks = csv_chunks(Book.objects.all())
    with CaptureQueriesContext(connection) as queries:
        assert len(list(chunks)) > 2
    assert len([query for query in queries if query["sql"].startswith("SELECT")]) == 1  # and two for a transaction


def test_each_book_is_in_one_chunk():
    call_command("seed_books", "6000", verbosity=0)
    sizes = [chunk.count(b",979") for chunk in csv_chunks(Book.objects.all())]
    assert sum(sizes) == 6_000
    assert max(sizes) < 3_000


def test_an_empty_table_is_a_header():
    assert list(csv_chunks(Book.objects.none())) == [b"title,author,isbn,genre,language,published_on,pages,price\r\n"]


def test_gzip_compresses_each_chunk_and_batches_compress_well(client):
    BookFactory.create_batch(500)
    with override_settings(MIDDLEWARE=["django.middleware.gzip.GZipMiddleware"]):
        response = client.get(DOWNLOAD, headers={"accept-encoding": "gzip"})
        assert response["Content-Encoding"] == "gzip" and response.streaming
        batched = response.getvalue()
    plain = client.get(DOWNLOAD).getvalue()
    assert zlib.decompress(batched, wbits=31) == plain
    assert len(plain) / len(batched) > 2
    if django.VERSION >= (6, 1):  # flushes after each chunk (#36293), and a single row doesn't compress well
        row_by_row = b"".join(compress_sequence(io.BytesIO(plain)))
        assert zlib.decompress(row_by_row, wbits=31) == plain
        assert len(row_by_row) / len(batched) > 1.2


def test_a_head_request_gets_no_chunks(django_assert_num_queries):
    """The server would send a body to nobody. Django's test client hides it, so call the view."""
    BookFactory()
    view = resolve(DOWNLOAD).func
    with django_assert_num_queries(0):
        assert list(view(RequestFactory().head(DOWNLOAD)).streaming_content) == []
