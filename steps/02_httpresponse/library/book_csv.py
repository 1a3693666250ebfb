"""Books as CSV: which columns, in which order, written how. UTF-8, RFC 4180, the header first."""

from django.db.models import Case, CharField, F, Func, Value, When
from django.db.models.functions import Concat, Ord
from django.db.models.lookups import In

HEADER = "title,author,isbn,genre,language,published_on,pages,price"
BOM = "\ufeff"  # three bytes at the start, from which Excel knows that the file is UTF-8


def write_csv(queryset, file, raw=False, bom=False):
    """Write the books to `file`, which takes text: the header, then a line for each book.

    A spreadsheet runs a text that begins with = + - or @ as a formula. Such a text gets an
    apostrophe in front, unless `raw` asks for the text as it is in the table.
    """
    file.write(f"{BOM if bom else ''}{HEADER}\r\n")
    for line in book_lines(queryset, raw).iterator():
        file.write(line)


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
