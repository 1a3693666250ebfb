"""Beside rung 5: the line by one `||` after the other, each of which makes a new text."""

from itertools import islice

from django.db.models import CharField, Func

from ladder.formatted import BATCH, HEADER, DateText, PriceText
from library.models import Book


class Line(Func):
    template = "%(expressions)s || CHR(13) || CHR(10)"
    arg_joiner = " || ',' || "
    output_field = CharField()

    def as_sqlite(self, compiler, connection):
        return self.as_sql(compiler, connection, template="%(expressions)s || char(13, 10)")


class Quoted(Func):
    template = """'"' || replace(%(expressions)s, '"', '""') || '"'"""
    output_field = CharField()


LINE = Line(
    Quoted("title"),
    Quoted("author__name"),
    "isbn",
    "genre",
    "language",
    DateText("published_on"),
    "pages",
    PriceText("price"),
)


def chunks():
    lines = Book.objects.order_by("pk").values_list(LINE, flat=True).iterator()
    yield (",".join(HEADER) + "\r\n").encode()
    while batch := list(islice(lines, BATCH)):
        yield "".join(batch).encode()
