"""Beside rung 5: in a transaction, where PostgreSQL's cursor gives its first rows before the last are found."""

from django.db import transaction

from library.book_csv import csv_chunks
from library.models import Book


def chunks():
    with transaction.atomic():
        yield from csv_chunks(Book.objects.all(), raw=True)
