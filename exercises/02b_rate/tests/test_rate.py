"""Exercise 02b: one download in so many seconds for each user."""

import time

import pytest
from django.core.cache import cache

from library.factories import BookFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_book(settings):
    settings.DOWNLOAD_PAUSE = 60
    cache.clear()
    BookFactory()


def download(client, **filters):
    return client.get("/books/download/", filters)


def test_the_second_download_gets_a_429_that_says_when(client):
    assert download(client).status_code == 200
    second = download(client)
    assert (second.status_code, second["Retry-After"]) == (429, "60")
    assert len(second.content.decode().split()) > 4


def test_other_users_are_not_blocked(client):
    assert [download(client).status_code for _ in range(2)] == [200, 429]
    assert client.get("/books/download/", REMOTE_ADDR="192.0.2.7").status_code == 200


def test_after_the_pause_the_file_is_sent_again(client, settings):
    settings.DOWNLOAD_PAUSE = 2
    first = download(client)
    assert download(client).status_code == 429
    deadline = time.monotonic() + 20
    while (again := download(client)).status_code == 429 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert again.content == first.content


def test_an_invalid_filter_does_not_count(client):
    assert download(client, genre="cookery").status_code == 400
    assert [download(client).status_code for _ in range(2)] == [200, 429]
