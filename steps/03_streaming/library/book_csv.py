"""Books as CSV: which columns, in which order, written how. UTF-8, RFC 4180, the header first."""

import csv
from contextlib import closing
from io import StringIO
from itertools import islice

from django.db.models import Case, CharField, F, Func, Value, When
from django.db.models.functions import Concat, Left
from django.db.models.lookups import In

COLUMNS = ["title", "author", "isbn", "genre", "language", "published_on", "pages", "price"]
BATCH = 500  # rows in a piece: few enough for the processor's cache, each piece one write to the visitor
BOM = "\ufeff"  # three bytes at the start, from which Excel knows that the file is UTF-8


# --8<-- [start:chunks]
def csv_chunks(queryset, raw=False, bom=False):
    """Yield the books as pieces of a CSV file, in bytes: the header, then some hundred rows each.

    A spreadsheet runs a text that begins with = + - or @ as a formula. Such a text gets an
    apostrophe in front, unless `raw` asks for the text as it is in the table.
    """
    yield (BOM if bom else "").encode() + as_csv([COLUMNS])
    # closing(): when the visitor leaves, this generator is closed, and with it the query.
    with closing(book_rows(queryset, raw)) as rows:
        while batch := list(islice(rows, BATCH)):
            yield as_csv(batch)


def as_csv(rows):
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


# --8<-- [end:chunks]
# --8<-- [start:rows]
def book_rows(queryset, raw=False):
    """The rows of the file, by primary key, ready to write: the database formats them."""
    text = F if raw else without_formula
    return (
        queryset.order_by("pk")
        .values_list(
            text("title"),
            text("author__name"),
            "isbn",
            "genre",
            "language",
            DateText("published_on"),
            "pages",
            PriceText("price"),
        )
        .iterator()
    )


def without_formula(field):
    is_formula = In(Left(field, 1), ["=", "+", "-", "@", "\t", "\r"])
    return Case(When(is_formula, then=Concat(Value("'"), field)), default=field)


class DateText(Func):
    """A date as 2001-12-31. SQLite stores it so; PostgreSQL is told the format."""

    template = "to_char(%(expressions)s, 'YYYY-MM-DD')"
    output_field = CharField()

    def as_sqlite(self, compiler, connection):
        return self.as_sql(compiler, connection, template="%(expressions)s")


class PriceText(Func):
    """A price as 9.50. To cast it to text would lose the zero on SQLite."""

    template = "to_char(%(expressions)s, 'FM9999990.00')"
    output_field = CharField()

    def as_sqlite(self, compiler, connection):
        return self.as_sql(compiler, connection, template="printf('%%%%.2f', %(expressions)s)")


# --8<-- [end:rows]
