"""Rung 6, step 08's `export_books --engine native`: the lines come by the database's own way."""

from library.models import Book
from library.native import native_chunks


def chunks():
    for chunk, _ in native_chunks(Book.objects.all(), raw=True, bom=False):
        yield chunk
