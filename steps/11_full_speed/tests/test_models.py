"""What the tables accept, and what they refuse even from code that forgot to ask."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError

from library.factories import BookFactory
from library.models import Book

pytestmark = pytest.mark.django_db


def test_a_made_book_is_a_valid_book():
    book = BookFactory()
    book.full_clean()
    assert Book.objects.get() == book
    assert str(book) == book.title


@pytest.mark.parametrize(
    "isbn",
    [
        "9780306406158",  # the check digit is 7
        "978030640615",
        "97803064061570",
        "978-0-306-40615-7",
        "0306406152",
        "977030640615X",
        "9770306406150",
        "٩٧٨٠٣٠٦٤٠٦١٥٧",
        "",
    ],
)
def test_an_isbn_needs_its_digits_and_its_check_digit(isbn):
    book = BookFactory(isbn="9780306406157")
    book.full_clean()
    book.isbn = isbn
    with pytest.raises(ValidationError) as refused:
        book.full_clean()
    assert list(refused.value.message_dict) == ["isbn"]


def test_two_books_cannot_share_an_isbn():
    first = BookFactory()
    BookFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        BookFactory(isbn=first.isbn)


@pytest.mark.parametrize(
    "field, value, field_error",
    [
        ("genre", "cookery", "genre"),
        ("language", "xx", "language"),
        ("pages", 0, "pages"),
        ("pages", 100_000, "pages"),
        ("price", "-0.01", "price"),
        ("price", "1000000", "price"),
    ],
)
def test_bad_values_are_refused_by_the_form_and_by_the_database(field, value, field_error):
    book = BookFactory()
    setattr(book, field, value)
    with pytest.raises(ValidationError) as refused:
        book.full_clean()
    assert field_error in refused.value.message_dict
    with pytest.raises(IntegrityError), transaction.atomic():
        Book.objects.filter(pk=book.pk).update(**{field: value})


@pytest.mark.parametrize("isbn", ["123", "978030640,157", '"780306406157', "=780306406157", "9770306406150"])
def test_what_is_no_isbn_is_refused_by_the_database(isbn):
    book = BookFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        Book.objects.filter(pk=book.pk).update(isbn=isbn)


def test_an_author_with_books_stays():
    book = BookFactory()
    with pytest.raises(ProtectedError):
        book.author.delete()
    book.delete()
    book.author.delete()


@pytest.mark.parametrize(
    "filters, index",
    [
        ({"genre": "novel"}, "book_genre"),
        ({"published_on__gte": date(2001, 1, 1), "published_on__lte": date(2001, 1, 31)}, "book_published_on"),
    ],
)
def test_a_filter_uses_its_index(filters, index):
    if connection.vendor != "sqlite":
        pytest.skip("the plan is read as SQLite writes it")
    BookFactory()
    assert index in Book.objects.filter(**filters).explain()
