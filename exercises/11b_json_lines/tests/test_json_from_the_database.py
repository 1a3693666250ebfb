"""Exercise 11b: the books as JSON Lines, written by the database."""

import json
import sys
from datetime import date

import pytest
from django.core.management import call_command

from library.factories import BookFactory
from library.models import Book

pytestmark = pytest.mark.django_db

URL = "/books/download.jsonl"


def lines(response):
    return [json.loads(line) for line in b"".join(response.streaming_content).decode().splitlines()]


def test_one_object_per_line(client):
    book = BookFactory(title='Zoë "Z"\n=1+1', published_on=date(2001, 2, 3), pages=7, price="9.50")
    assert lines(client.get(URL)) == [
        {
            "title": 'Zoë "Z"\n=1+1',
            "author": book.author.name,
            "isbn": book.isbn,
            "genre": book.genre,
            "language": book.language,
            "published_on": "2001-02-03",
            "pages": 7,
            "price": 9.5,
        }
    ]


def calls(queryset):
    from library.book_json import json_chunks

    number = 0

    def count(frame, event, argument):
        nonlocal number
        number += event in ("call", "c_call")

    list(json_chunks(queryset))
    sys.setprofile(count)
    try:
        chunks = list(json_chunks(queryset))
    finally:
        sys.setprofile(None)
    assert len(list(filter(None, chunks))) == 1
    return number


def test_python_does_almost_nothing_for_a_book():
    call_command("seed_books", "2000", verbosity=0)
    few = Book.objects.filter(pk__lte=Book.objects.order_by("pk")[999].pk)
    assert calls(Book.objects.all()) - calls(few) < 3 * 1_000


def test_it_takes_the_filters(client):
    BookFactory(genre="novel")
    BookFactory(genre="crime", title="Found")
    assert [row["title"] for row in lines(client.get(URL, {"genre": "crime"}))] == ["Found"]
    assert client.get(URL, {"genre": "cookery"}).status_code == 400


def test_post_is_not_allowed(client):
    assert client.get(URL).status_code == 200
    assert client.post(URL).status_code == 405
