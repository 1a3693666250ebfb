"""The query of a download ends when the client disconnects."""

import sqlite3

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet

from library.book_csv import csv_chunks
from library.models import Book


@pytest.mark.django_db
@pytest.mark.covers("library/book_csv.py", "library/models.py")
def test_closing_the_generator_closes_its_query(monkeypatch):
    """CPython closes a query as soon as nothing refers to it. So this test keeps every iterator of a queryset."""
    call_command("seed_books", "6000", verbosity=0)
    cursors, iterators = [], []

    def kept(function, place):
        def call(*arguments, **options):
            place.append(function(*arguments, **options))
            return place[-1]

        return call

    monkeypatch.setattr(QuerySet, "iterator", kept(QuerySet.iterator, iterators))
    monkeypatch.setattr(connection, "cursor", kept(connection.cursor, cursors))
    chunks = csv_chunks(Book.objects.all())
    assert next(chunks) and cursors
    chunks.close()
    assert all(map(is_closed, cursors)), "the query is still open after close()"


def is_closed(cursor):
    try:
        cursor.cursor.fetchone()
    except sqlite3.ProgrammingError:  # Cannot operate on a closed cursor.
        return True
    return False
