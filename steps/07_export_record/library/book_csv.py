"""Books as CSV: which columns, in which order, written how. UTF-8, RFC 4180, the header first."""

from contextlib import closing
from itertools import islice

from django.db.models import Case, CharField, F, Func, Value, When
from django.db.models.functions import Concat, Ord
from django.db.models.lookups import In
from django.utils import timezone

HEADER = "title,author,isbn,genre,language,published_on,pages,price"
BATCH = 2_000  # lines in a piece: each piece is one write to the visitor's connection
BOM = "\ufeff"  # three bytes at the start, from which Excel knows that the file is UTF-8


def csv_name(day=None):
    """What the file is called: it tells of which day its books are, which is today unless given."""
    return f"books-{day or timezone.localdate()}.csv"


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
    with closing(book_lines(queryset, raw).iterator()) as lines:
        # The header waits for the first books: a query that fails at once is still a clear 500.
        header = [f"{BOM if bom else ''}{HEADER}\r\n"]
        while (batch := list(islice(lines, BATCH))) or header:
            yield "".join(header + batch).encode(), len(batch)
            header = []


def book_lines(queryset, raw=False):
    """A queryset of the lines of the file, by primary key, each written whole by the database.

    Python's csv module would need the columns one by one, and more than twice the time.
    """
    text = F if raw else without_formula
    line = Line(text("title"), text("author__name"), "isbn", "genre", "language", "published_on", "pages", "price")
    return queryset.order_by("pk").values_list(line, flat=True)


def without_formula(field):
    is_formula = In(Ord(field), [ord(character) for character in "=+-@\t\r"])
    return Case(When(is_formula, then=Concat(Value("'"), field)), default=field)


class Line(Func):
    """A book as a line of RFC 4180: title and author in quotes, and each quote in them twice."""

    arity = 8
    output_field = CharField()

    def as_sqlite(self, compiler, connection):
        # %w doubles the quotes. %.2f writes a price as 9.50; cast to text, it would lose its zero.
        # (A NUL would end a text here. No form of Django's lets one in, and PostgreSQL stores none.)
        line = Value('"%w","%w",%s,%s,%s,%s,%s,%.2f\r\n')
        return compiler.compile(Func(line, *self.get_source_expressions(), function="printf"))

    def as_postgresql(self, compiler, connection):
        title, author, isbn, genre, language, published_on, pages, price = self.get_source_expressions()
        day = Func(published_on, Value("YYYY-MM-DD"), function="to_char")  # whatever the server's DateStyle
        end = Func(price, Value("\r\n"), function="concat")
        columns = [Quoted(title), Quoted(author), isbn, genre, language, day, pages, end]
        return compiler.compile(Func(Value(","), *columns, function="concat_ws"))


class Quoted(Func):
    template = """'"' || replace(%(expressions)s, '"', '""') || '"'"""
    output_field = CharField()
