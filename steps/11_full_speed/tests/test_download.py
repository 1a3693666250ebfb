"""The download: its bytes, its filters and its headers."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from library.factories import BookFactory

pytestmark = pytest.mark.django_db

HEADER = ["title", "author", "isbn", "genre", "language", "published_on", "pages", "price"]


def download(client, **query):
    """Return the rows of the file, read by Python's csv module."""
    response = client.get("/books/download/", query)
    assert response.status_code == 200
    return list(csv.reader(io.StringIO(response.getvalue().decode("utf-8"), newline="")))


def test_the_address_is_the_contract():
    assert reverse("book-download") == "/books/download/"


def test_the_file_to_the_byte(client):
    BookFactory(
        title='The "Dispossessed", a novel',
        author__name="Ursula K. Le Guin",
        isbn="9780061054884",
        genre="novel",
        language="en",
        published_on=date(1974, 5, 1),
        pages=341,
        price=Decimal("9.50"),
    )
    response = client.get("/books/download/")
    assert response.getvalue() == (
        b"title,author,isbn,genre,language,published_on,pages,price\r\n"
        b'"The ""Dispossessed"", a novel",Ursula K. Le Guin,9780061054884,novel,en,1974-05-01,341,9.50\r\n'
    )
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="books-{timezone.localdate()}.csv"'


def test_the_order_is_the_order_of_the_table(client):
    books = BookFactory.create_batch(30)
    assert [row[2] for row in download(client)] == ["isbn"] + [book.isbn for book in books]


def test_the_file_is_named_after_the_day_in_the_time_zone_of_the_library(client, settings, monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 11, 26, 21, 12, tzinfo=UTC))
    for zone, day in [("UTC", "2026-11-26"), ("Asia/Tokyo", "2026-11-27")]:
        settings.TIME_ZONE = zone
        name = client.head("/books/download/")["Content-Disposition"]
        assert name == f'attachment; filename="books-{day}.csv"'


@pytest.mark.parametrize("price", ["0.00", "0.05", "9.50", "12.00", "999999.99"])
@pytest.mark.parametrize("published_on", [date(1, 1, 1), date(1899, 12, 31), date(9999, 12, 31)])
def test_prices_and_dates_keep_their_zeros(client, price, published_on):
    BookFactory(price=Decimal(price), published_on=published_on)
    row = dict(zip(HEADER, download(client)[1], strict=True))
    assert (row["price"], row["published_on"]) == (price, published_on.isoformat())


@pytest.mark.parametrize(
    "filters, expected",
    [
        ({}, ["The Lost Island", "A Map", "New"]),
        ({"q": "island"}, ["The Lost Island", "A Map"]),
        ({"genre": "crime"}, ["A Map"]),
        ({"published_from": "2001-01-01"}, ["A Map", "New"]),
        ({"published_to": "2001-01-01"}, ["The Lost Island", "A Map"]),
        ({"q": "island", "genre": "novel"}, ["The Lost Island"]),
        ({"q": "nobody wrote this"}, []),
    ],
)
def test_the_filters_of_the_list(client, filters, expected):
    BookFactory(title="The Lost Island", genre="novel", published_on=date(1950, 5, 5))
    BookFactory(title="A Map", author__name="Mr Island", genre="crime", published_on=date(2001, 1, 1))
    BookFactory(title="New", genre="novel", published_on=date(2020, 2, 2))
    header, *rows = download(client, **filters)
    assert header == HEADER
    assert [row[0] for row in rows] == expected


@pytest.mark.parametrize(
    "text, escaped",
    [
        ("=1+1", "'=1+1"),
        ("+44", "'+44"),
        ("-1", "'-1"),
        ("@home", "'@home"),
        ("x;=1+1;y", "x;'=1+1;y"),
        ("x\t=1+1", "x\t'=1+1"),
        ("x\r\n@SUM(1)", "x\r\n'@SUM(1)"),
        (";;=1", ";;'=1"),
        ("1=1", "1=1"),
        ("Jean-Paul @home", "Jean-Paul @home"),
    ],
)
def test_formulas_are_escaped_wherever_a_cell_can_begin(client, text, escaped):
    BookFactory(title=text, author__name=text)
    assert download(client)[1][:2] == [escaped, escaped]
    assert download(client, raw="0")[1][:2] == [escaped, escaped]
    assert download(client, raw="1")[1][:2] == [text, text]


def test_a_byte_order_mark_for_excel(client):
    BookFactory()
    plain = client.get("/books/download/").getvalue()
    assert client.get("/books/download/", {"bom": "1"}).getvalue() == b"\xef\xbb\xbf" + plain


@pytest.mark.parametrize(
    "query, field",
    [
        ({"genre": "cookery"}, "genre"),
        ({"published_from": "yesterday"}, "published_from"),
        ({"published_from": "2002-01-01", "published_to": "2001-01-01"}, "published_to"),
        ({"q": "a\0b"}, "q"),
        ({"q": "a" * 201}, "q"),
    ],
)
def test_an_invalid_filter_gets_a_400_that_names_it(client, query, field):
    assert client.get("/books/download/", {"genre": "novel", "raw": "1"}).status_code == 200
    response = client.get("/books/download/", query)
    assert response.status_code == 400
    assert f"({field})" in response.content.decode()
    assert "Content-Disposition" not in response


@pytest.mark.parametrize("name", ["raw", "bom"])
@pytest.mark.parametrize("value", ["no", "off", "false", "2", "-1", "", "01", "1 ", "\N{FULLWIDTH DIGIT ONE}"])
def test_an_option_is_0_or_1(client, name, value):
    """A user who writes raw=no wants no formulas."""
    response = client.get("/books/download/", {name: value})
    assert response.status_code == 400
    assert f"The value of {name} must be 0 or 1." in response.content.decode()


def test_the_list_offers_the_download_with_its_filters(client):
    BookFactory.create_batch(30, genre="novel")
    page = client.get("/books/", {"genre": "novel", "after": 3}).content.decode()
    assert 'href="/books/download/?genre=novel" data-test="download"' in page


def test_an_unknown_filter_is_an_error_and_not_all_books(client):
    BookFactory()
    response = client.get("/books/download/", {"gerne": "novel"})
    assert response.status_code == 400
    assert "There is no filter named gerne." in response.content.decode()


def test_head_answers_with_the_headers_without_reading_the_books(client, django_assert_num_queries):
    BookFactory()
    full = client.get("/books/download/")
    with django_assert_num_queries(0):
        head = client.head("/books/download/")
    assert head.status_code == 200
    for name in ("Content-Type", "Content-Disposition"):
        assert head[name] == full[name]
    assert "Content-Length" not in head  # 0 would be wrong, and the length isn't known


@pytest.mark.parametrize("method", ["options", "post", "put"])
def test_other_methods_are_not_allowed(client, method):
    assert client.get("/books/download/").status_code == 200
    assert getattr(client, method)("/books/download/").status_code == 405


def test_crawlers_are_told_not_to_download_the_library(client):
    robots = client.get("/robots.txt")
    assert robots["Content-Type"].startswith("text/plain")
    assert "Disallow: /books/download/" in robots.content.decode()
    assert 'rel="nofollow" href="/books/download/' in client.get("/books/").content.decode()
