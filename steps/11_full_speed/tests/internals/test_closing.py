"""The query ends when the client disconnects, even if something else still holds the iterator."""

import pytest
from django.core.management import call_command
from django.db.models import QuerySet

from library.book_csv import BATCH, csv_chunks
from library.models import Book


@pytest.mark.django_db
def test_closing_the_generator_closes_the_iterator_of_the_query(monkeypatch):
    call_command("seed_books", str(2 * BATCH), verbosity=0)
    iterators, original = [], QuerySet.iterator

    def iterator(queryset):
        iterators.append(original(queryset))
        return iterators[-1]

    monkeypatch.setattr(QuerySet, "iterator", iterator)
    chunks = csv_chunks(Book.objects.all())
    next(chunks)
    assert iterators[0].gi_frame  # it is open
    chunks.close()
    assert iterators[0].gi_frame is None
