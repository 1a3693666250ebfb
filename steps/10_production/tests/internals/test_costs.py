"""The memory that a download needs, which is the same on each machine."""

import tracemalloc

import pytest
from django.core.management import call_command

from library.book_csv import BATCH, csv_chunks
from library.models import Book

pytestmark = [pytest.mark.django_db, pytest.mark.covers("library/book_csv.py", "library/models.py")]


@pytest.fixture
def querysets():
    """The books of two chunks, and those of six. While a batch is read, the one before is still in memory."""
    call_command("seed_books", str(6 * BATCH), verbosity=0)
    last = Book.objects.order_by("pk")[2 * BATCH - 1].pk
    return Book.objects.filter(pk__lte=last), Book.objects.all()


def test_a_batch_of_books_is_one_chunk(querysets):
    assert [len(list(filter(None, csv_chunks(books)))) for books in querysets] == [2, 6]


def memory(queryset):
    """Return the most bytes that are allocated at a time to read these books."""
    list(csv_chunks(queryset))
    tracemalloc.start()
    try:
        for _ in csv_chunks(queryset):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_memory_does_not_grow_with_the_number_of_books(querysets):
    few, all_books = querysets
    assert memory(all_books) / memory(few) < 1.3
