"""Rung 3: two thousand rows in a chunk."""

import csv
import io
from itertools import islice

from library.models import Book

HEADER = ["title", "author", "isbn", "genre", "language", "published_on", "pages", "price"]
COLUMNS = ["title", "author__name", "isbn", "genre", "language", "published_on", "pages", "price"]
BATCH = 2_000


def chunks():
    rows = Book.objects.order_by("pk").values_list(*COLUMNS).iterator()
    batch = [HEADER]
    while batch:
        text = io.StringIO()
        csv.writer(text).writerows(batch)
        yield text.getvalue().encode()
        batch = list(islice(rows, BATCH))
