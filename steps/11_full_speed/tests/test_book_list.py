"""The book list: pages, filters, and the number of queries."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from library.factories import AuthorFactory, BookFactory
from library.filters import BookFilter
from library.models import Book

pytestmark = pytest.mark.django_db


def titles(response):
    return [book.title for book in response.context["page"].rows]


def follow(client, response, rel):
    """The page behind the link with that rel, or None if there is no such link."""
    before, found, after = response.content.decode().partition(f'rel="{rel}" href="')
    return client.get(reverse("book-list") + after.split('"')[0].replace("&amp;", "&")) if found else None


@pytest.fixture
def sixty():
    """Sixty books of one author, "Book 00" to "Book 59"."""
    author = AuthorFactory(name="Ursula")
    return [BookFactory(title=f"Book {number:02}", author=author) for number in range(60)]


def test_the_address_is_the_contract():
    assert reverse("book-list") == "/books/"


def test_the_home_page_leads_to_the_list(client):
    assert client.get("/", follow=True).redirect_chain == [("/books/", 302)]


def test_pages_lead_forward_and_back_over_every_book_once(client, sixty):
    page, forward = client.get("/books/"), []
    while page:
        forward.append(titles(page))
        last, page = page, follow(client, page, "next")
    assert [len(rows) for rows in forward] == [25, 25, 10]
    assert [title for rows in forward for title in rows] == [book.title for book in sixty]

    page, back = last, []
    while page:
        back.insert(0, titles(page))
        page = follow(client, page, "prev")
    assert back == forward


def test_the_last_page_is_one_link_away(client, sixty):
    beyond = client.get("/books/").content.decode().rpartition('href="?before=')[2].split('"')[0]
    last = client.get("/books/", {"before": beyond})
    assert titles(last) == [book.title for book in sixty[-25:]]
    assert follow(client, last, "next") is None
    assert len(titles(follow(client, last, "prev"))) == 25


def test_links_to_other_pages_keep_the_filters(client, sixty):
    BookFactory(title="Something else")
    page = client.get("/books/", {"q": "book"})
    assert len(titles(follow(client, page, "next"))) == 25
    assert "q=book" in page.content.decode()


def test_a_page_costs_two_queries_that_neither_skip_nor_count_all(client, sixty):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get("/books/", {"after": sixty[29].pk})
    assert len(queries) == 2
    assert not any("OFFSET" in query["sql"] for query in queries)
    assert all("LIMIT" in query["sql"] for query in queries)


def test_the_count_is_exact_until_counting_would_take_long(client, sixty, monkeypatch):
    assert "60 books" in client.get("/books/").content.decode()
    monkeypatch.setattr("library.pagination.COUNT_LIMIT", 59)
    assert "59+ books" in client.get("/books/").content.decode()


@pytest.mark.parametrize(
    "filters, expected",
    [
        ({"q": "island"}, ["The Lost Island", "A Map"]),
        ({"q": "ISLAND"}, ["The Lost Island", "A Map"]),
        ({"genre": "crime"}, ["A Map"]),
        ({"published_from": "2001-01-01"}, ["A Map", "New"]),
        ({"published_to": "2001-01-01"}, ["The Lost Island", "A Map"]),
        ({"published_from": "2001-01-01", "published_to": "2001-01-01"}, ["A Map"]),
        ({"q": "island", "genre": "novel"}, ["The Lost Island"]),
        ({"q": "", "genre": "", "published_from": "", "published_to": ""}, ["The Lost Island", "A Map", "New"]),
        ({"q": "%"}, []),
        ({"q": "nobody wrote this"}, []),
    ],
)
def test_filters(client, filters, expected):
    BookFactory(title="The Lost Island", genre="novel", published_on=date(1950, 5, 5))
    BookFactory(title="A Map", author__name="Mr Island", genre="crime", published_on=date(2001, 1, 1))
    BookFactory(title="New", genre="novel", published_on=date(2020, 2, 2))
    assert titles(client.get("/books/", filters)) == expected


@pytest.mark.parametrize(
    "filters, field",
    [
        ({"genre": "cookery"}, "genre"),
        ({"published_from": "yesterday"}, "published_from"),
        ({"published_from": "2001-02-30"}, "published_from"),
        ({"published_to": "01/02/2001"}, "published_to"),
        ({"published_from": "2002-01-01", "published_to": "2001-01-01"}, "published_to"),
        ({"q": "a\0b"}, "q"),
        ({"q": "a" * 201}, "q"),
    ],
)
def test_an_invalid_filter_gets_a_400_that_names_it(client, filters, field):
    assert client.get("/books/", {"genre": "novel"}).status_code == 200
    response = client.get("/books/", filters)
    assert response.status_code == 400
    assert f"({field})" in response.content.decode()
    assert list(BookFilter(filters, Book.objects.all()).errors) == [field]


@pytest.mark.parametrize("name", ["gerne", "Genre", "genre[]", "published-from"])
def test_an_unknown_filter_gets_a_400_that_names_it(client, name):
    BookFactory()
    assert client.get("/books/", {"after": "0"}).status_code == 200
    response = client.get("/books/", {name: "novel"})
    assert response.status_code == 400
    assert f"There is no filter named {name}." in response.content.decode()


@pytest.mark.parametrize("cursor", ["after", "before"])
def test_a_page_that_is_no_number_is_not_found(client, sixty, cursor):
    assert client.get("/books/", {cursor: sixty[30].pk}).status_code == 200
    for no_number in ("last", "-1", "1.5"):
        assert client.get("/books/", {cursor: no_number}).status_code == 404


@pytest.mark.parametrize("cursor", [{"after": 10**30}, {"before": 0}])
def test_a_page_beyond_the_end_says_so(client, sixty, cursor):
    response = client.get("/books/", cursor)
    assert response.status_code == 200
    assert titles(response) == []
    assert "Back to the first page" in response.content.decode()


def test_text_from_the_table_is_text_in_the_page(client):
    BookFactory(title="<script>alert(1)</script>")
    page = client.get("/books/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
