"""Rung 6, step 10's `export_books --engine native`: the lines come by the database's own way."""

from django.db import connection

from library.models import Book
from library.native import native_chunks

if connection.vendor == "sqlite":  # it imports them when it needs them
    import adbc_driver_sqlite  # noqa: F401
    import nanoarrow  # noqa: F401


def chunks():
    for chunk, _ in native_chunks(Book.objects.all(), raw=True, bom=False):
        yield chunk
