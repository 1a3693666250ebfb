"""Exercise 01b: statistics for each genre, in one query."""

from io import StringIO

import pytest
from django.core.management import call_command

from library.factories import BookFactory

pytestmark = pytest.mark.django_db


def printed():
    output = StringIO()
    call_command("book_statistics", stdout=output)
    return output.getvalue().splitlines()


def test_a_line_for_each_genre():
    for price in ("10.00", "20.50"):
        BookFactory(genre="novel", price=price)
    BookFactory(genre="crime", price="5.00")
    assert printed() == ["crime 1 books, 5.00 on average", "novel 2 books, 15.25 on average"]


def test_it_is_one_query(django_assert_num_queries):
    BookFactory.create_batch(20)
    with django_assert_num_queries(1):
        assert printed()
