"""Rung 6: the lines through the fastest interface, as in step 11's `export_books --engine native`."""

from library.book_csv import counted_chunks
from library.models import Book
from library.native import native_reader


def chunks(raw=True):
    books = Book.objects.all()
    for chunk, _ in counted_chunks(books, raw, bom=False, read=native_reader(books)):
        yield chunk


def escaped():
    yield from chunks(raw=False)
