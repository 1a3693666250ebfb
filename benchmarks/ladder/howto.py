"""Rung 1: the pattern of Django's how-to "Outputting CSV", a model object and a chunk for each row."""

import csv

from library.models import Book

HEADER = ["title", "author", "isbn", "genre", "language", "published_on", "pages", "price"]


class Echo:
    """A file whose write() returns its argument."""

    def write(self, value):
        return value


def chunks():
    writer = csv.writer(Echo())
    yield writer.writerow(HEADER)
    for book in Book.objects.select_related("author").order_by("pk").iterator():
        row = [book.title, book.author.name, book.isbn, book.genre, book.language]
        row += [book.published_on, book.pages, book.price]
        yield writer.writerow(row)
