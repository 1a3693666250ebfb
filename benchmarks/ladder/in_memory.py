"""How it is often written first: model objects, and the whole file as one text."""

import csv
import io

from library.models import Book

HEADER = ["title", "author", "isbn", "genre", "language", "published_on", "pages", "price"]


def chunks():
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for book in Book.objects.select_related("author").order_by("pk"):
        row = [book.title, book.author.name, book.isbn, book.genre, book.language]
        row += [book.published_on, book.pages, book.price]
        writer.writerow(row)
    yield text.getvalue().encode()
