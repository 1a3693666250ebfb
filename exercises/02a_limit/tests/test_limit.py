"""Exercise 02a: a download has a limit, and a message says so."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from library.factories import BookFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(settings):
    settings.DOWNLOAD_LIMIT = 3
    return BookFactory.create_batch(3, genre="novel")


def test_up_to_the_limit_the_file_is_sent(client, three, settings):
    assert client.get("/books/download/").content.count(b"\r\n") == 4
    BookFactory(genre="crime")
    settings.DOWNLOAD_LIMIT = 4
    assert client.get("/books/download/").content.count(b"\r\n") == 5


def test_beyond_the_limit_the_user_gets_a_message(client, three):
    BookFactory(genre="crime")
    response = client.get("/books/download/")
    assert response.status_code == 400
    page = response.content.decode()
    assert "3 books" in page and "filter" in page.lower()
    assert client.get("/books/download/", {"genre": "novel"}).status_code == 200


def test_it_counts_only_as_far_as_it_must(client, three):
    BookFactory(genre="crime")
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/books/download/").status_code == 400
    assert all("LIMIT" in query["sql"] for query in queries)
