"""The books as CSV: the file a visitor gets, column by column, filter by filter."""

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from library.factories import BookFactory

pytestmark = pytest.mark.django_db

HEADER = ["title", "author", "isbn", "genre", "language", "published_on", "pages", "price"]


def download(client, **query):
    """The rows of the file, as Python's csv module reads them."""
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
        b'"The ""Dispossessed"", a novel","Ursula K. Le Guin",9780061054884,novel,en,1974-05-01,341,9.50\r\n'
    )
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="books-{timezone.localdate()}.csv"'


def test_the_order_is_the_order_of_the_table(client):
    books = BookFactory.create_batch(30)
    assert [row[2] for row in download(client)] == ["isbn"] + [book.isbn for book in books]


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


@pytest.mark.parametrize("first", "=+-@\t\r")
def test_a_formula_is_made_text_unless_raw(client, first):
    BookFactory(title=f"{first}1+1", author__name=f"{first}cmd")
    assert download(client)[1][:2] == [f"'{first}1+1", f"'{first}cmd"]
    assert download(client, raw="0")[1][:2] == [f"'{first}1+1", f"'{first}cmd"]
    assert download(client, raw="1")[1][:2] == [f"{first}1+1", f"{first}cmd"]


def test_text_that_only_looks_like_a_formula_further_in_stays(client):
    BookFactory(title="1=1", author__name="Jean-Paul @home")
    assert download(client)[1][:2] == ["1=1", "Jean-Paul @home"]


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
        ({"raw": "yes"}, "raw"),
        ({"bom": "2"}, "bom"),
    ],
)
def test_a_bad_value_is_a_400_that_names_it(client, query, field):
    assert client.get("/books/download/", {"genre": "novel", "raw": "1"}).status_code == 200
    response = client.get("/books/download/", query)
    assert response.status_code == 400
    assert f"({field})" in response.content.decode()
    assert "Content-Disposition" not in response


def test_the_list_offers_the_download_with_its_filters(client):
    BookFactory.create_batch(30, genre="novel")
    page = client.get("/books/", {"genre": "novel", "after": 3}).content.decode()
    assert 'href="/books/download/?genre=novel" data-test="download"' in page


@pytest.mark.parametrize("method", ["head", "options", "post"])
def test_only_get_makes_the_file(client, method):
    """Any other method would read the whole table and throw it away."""
    assert client.get("/books/download/").status_code == 200
    assert getattr(client, method)("/books/download/").status_code == 405
