"""Exercise 02a: a limit with a sentence."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from library.factories import BookFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(settings):
    settings.DOWNLOAD_LIMIT = 3
    return BookFactory.create_batch(3, genre="novel")


def test_up_to_the_limit_it_is_the_file(client, three, settings):
    assert client.get("/books/download/").content.count(b"\r\n") == 4
    BookFactory(genre="crime")
    settings.DOWNLOAD_LIMIT = 4
    assert client.get("/books/download/").content.count(b"\r\n") == 5


def test_beyond_the_limit_it_is_a_sentence(client, three):
    BookFactory(genre="crime")
    response = client.get("/books/download/")
    assert response.status_code == 400
    page = response.content.decode()
    assert "more than 3 books" in page and "filter" in page.lower()
    assert client.get("/books/download/", {"genre": "novel"}).status_code == 200


def test_it_counts_no_further_than_it_must(client, three):
    BookFactory(genre="crime")
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/books/download/").status_code == 400
    assert all("LIMIT" in query["sql"] for query in queries)
