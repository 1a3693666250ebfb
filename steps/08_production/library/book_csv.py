"""Books as CSV: which columns, in which order, written how. UTF-8, RFC 4180, the header first."""

from contextlib import closing
from itertools import islice

from django.db.models import Case, CharField, F, Func, Value, When
from django.db.models.functions import Concat, Left
from django.db.models.lookups import In
from django.utils import timezone

HEADER = "title,author,isbn,genre,language,published_on,pages,price"
BATCH = 2_000  # lines in a piece: each piece is one write to the visitor's connection
BOM = "\ufeff"  # three bytes at the start, from which Excel knows that the file is UTF-8


def csv_name(day=None):
    """What the file is called: it tells of which day its books are, which is today unless given."""
    return f"books-{day or timezone.localdate()}.csv"


# --8<-- [start:chunks]
def csv_chunks(queryset, raw=False, bom=False):
    """Yield the books as pieces of a CSV file, in bytes: some thousand lines each, the header first.

    A spreadsheet runs a text that begins with = + - or @ as a formula. Such a text gets an
    apostrophe in front, unless `raw` asks for the text as it is in the table.
    """
    for chunk, _ in counted_chunks(queryset, raw, bom):
        yield chunk


def write_csv(queryset, file, raw=False, bom=False, progress=None):
    """Write the same bytes to `file` and return how many books they are.

    After each piece `progress` is called with the number of books written so far.
    """
    done = 0
    for chunk, books in counted_chunks(queryset, raw, bom):
        file.write(chunk)
        done += books
        if progress:
            progress(done)
    return done


def counted_chunks(queryset, raw, bom):
    """The pieces of the file, each with its number of books."""
    # closing(): when the visitor leaves, this generator is closed, and with it the query.
    with closing(book_lines(queryset, raw)) as lines:
        # The header waits for the first books: a query that fails at once is still a clear 500.
        header = [f"{BOM if bom else ''}{HEADER}"]
        while (batch := list(islice(lines, BATCH))) or header:
            yield ("\r\n".join(header + batch) + "\r\n").encode(), len(batch)
            header = []


# --8<-- [end:chunks]
# --8<-- [start:lines]
def book_lines(queryset, raw=False):
    """The lines of the file by primary key, without their ends, each written by the database.

    Python's csv module would need the columns one by one, and nearly twice the time.
    """
    text = F if raw else without_formula
    line = Line(
        Quoted(text("title")),
        Quoted(text("author__name")),
        "isbn",
        "genre",
        "language",
        DateText("published_on"),
        "pages",
        PriceText("price"),
    )
    return queryset.order_by("pk").values_list(line, flat=True).iterator()


class Line(Func):
    """The columns with commas between them. (If one were NULL, all would be. None can be.)"""

    template = "%(expressions)s"
    arg_joiner = " || ',' || "
    output_field = CharField()


class Quoted(Func):
    """A text as RFC 4180 has it: in quotes, and each quote in it twice."""

    template = """'"' || replace(%(expressions)s, '"', '""') || '"'"""
    output_field = CharField()


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
        # Twice halved, by the template and by the database's parameters: printf('%.2f', price)
        return self.as_sql(compiler, connection, template="printf('%%%%.2f', %(expressions)s)")


# --8<-- [end:lines]
