"""Exercise 03b: the books as JSON Lines."""

import json
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from library.factories import BookFactory

pytestmark = pytest.mark.django_db

URL = "/books/download.jsonl"


def lines(response):
    return [json.loads(line) for line in b"".join(response.streaming_content).decode().splitlines()]


def test_one_object_per_line(client):
    book = BookFactory(title='Zoë "Z"', published_on=date(2001, 2, 3), pages=7, price="9.50")
    response = client.get(URL)
    assert lines(response) == [
        {
            "title": 'Zoë "Z"',
            "author": book.author.name,
            "isbn": book.isbn,
            "genre": book.genre,
            "language": book.language,
            "published_on": "2001-02-03",
            "pages": 7,
            "price": "9.50",
        }
    ]


def test_it_is_streamed(client):
    BookFactory.create_batch(30)
    with CaptureQueriesContext(connection) as queries:
        response = client.get(URL)
        assert response.streaming
        chunks = list(response.streaming_content)
    assert len(chunks) < 5 and sum(chunk.count(b"\n") for chunk in chunks) == 30
    assert len([query for query in queries if "library_book" in query["sql"]]) == 1


def test_it_takes_the_filters(client):
    BookFactory(genre="novel")
    BookFactory(genre="crime", title="Found")
    assert [row["title"] for row in lines(client.get(URL, {"genre": "crime"}))] == ["Found"]
    assert client.get(URL, {"genre": "cookery"}).status_code == 400


def test_post_is_not_allowed(client):
    assert client.get(URL).status_code == 200
    assert client.post(URL).status_code == 405
