"""Books as CSV: which columns, in which order, written how. UTF-8, RFC 4180, the header first."""

from django.db.models import Case, CharField, F, Func, Value, When
from django.db.models.functions import Concat, Left
from django.db.models.lookups import In

HEADER = "title,author,isbn,genre,language,published_on,pages,price"
BOM = "\ufeff"  # three bytes at the start, from which Excel knows that the file is UTF-8


# --8<-- [start:write]
def write_csv(queryset, file, raw=False, bom=False):
    """Write the books to `file`, which takes text: the header, then a line for each book.

    A spreadsheet runs a text that begins with = + - or @ as a formula. Such a text gets an
    apostrophe in front, unless `raw` asks for the text as it is in the table.
    """
    file.write(f"{BOM if bom else ''}{HEADER}\r\n")
    for line in book_lines(queryset, raw):
        file.write(line + "\r\n")


# --8<-- [end:write]
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
