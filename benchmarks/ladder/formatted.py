"""Rung 4: the database formats the date and the price."""

import csv
import io
from itertools import islice

from django.db.models import CharField, Func

from library.models import Book


class DateText(Func):
    template = "to_char(%(expressions)s, 'YYYY-MM-DD')"
    output_field = CharField()

    def as_sqlite(self, compiler, connection):
        return self.as_sql(compiler, connection, template="%(expressions)s")


class PriceText(Func):
    template = "CAST(%(expressions)s AS text)"
    output_field = CharField()

    def as_sqlite(self, compiler, connection):
        return self.as_sql(compiler, connection, template="printf('%%%%.2f', %(expressions)s)")


HEADER = ["title", "author", "isbn", "genre", "language", "published_on", "pages", "price"]
COLUMNS = ["title", "author__name", "isbn", "genre", "language", DateText("published_on"), "pages", PriceText("price")]
BATCH = 2_000


def chunks():
    rows = Book.objects.order_by("pk").values_list(*COLUMNS).iterator()
    batch = [HEADER]
    while batch:
        text = io.StringIO()
        csv.writer(text).writerows(batch)
        yield text.getvalue().encode()
        batch = list(islice(rows, BATCH))
