"""What a book costs on its way to the reader, counted and not timed: these numbers are the same on every machine."""

import sys
import tracemalloc

import pytest
from django.core.management import call_command

from library.book_csv import BATCH, csv_chunks
from library.models import Book

pytestmark = pytest.mark.django_db


@pytest.fixture
def querysets():
    """The books of one piece, and those of three."""
    call_command("seed_books", str(3 * BATCH), verbosity=0)
    last = Book.objects.order_by("pk")[BATCH - 1].pk
    return Book.objects.filter(pk__lte=last), Book.objects.all()


def calls(queryset):
    """How many functions Python calls, or generators it goes on with, to read these books."""
    counted = 0

    def count(frame, event, argument):
        nonlocal counted
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        for _ in csv_chunks(queryset):
            pass
    finally:
        sys.setprofile(None)
    return counted


def test_a_book_costs_two_calls(querysets):
    few, all_books = querysets
    list(csv_chunks(few))  # what happens once has happened
    assert (calls(all_books) - calls(few)) / (2 * BATCH) < 2.2


def test_a_piece_is_one_yield(querysets):
    assert [len(list(csv_chunks(books))) for books in querysets] in ([1, 3], [2, 4])  # with or without the header


def memory(queryset):
    """The most bytes that are allocated at a time to read these books."""
    list(csv_chunks(queryset))
    tracemalloc.start()
    try:
        for _ in csv_chunks(queryset):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_no_more_than_two_pieces_are_in_memory(querysets):
    few, all_books = querysets
    assert memory(all_books) / memory(few) < 1.3
    assert memory(all_books) / BATCH < 1_500  # bytes for a line of less than 100: as rows, as text and encoded
