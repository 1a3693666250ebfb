"""SQL that writes each book as a line of CSV, with the same bytes as Python's csv.writer.

Python would create an object for each column, which takes several times as long.
"""

from functools import reduce
from itertools import product
from operator import or_

from django.db.models import Case, CharField, F, Func, Q, Value, When
from django.db.models.functions import Concat, Ord, Replace, StrIndex
from django.db.models.lookups import GreaterThan, In, LessThan

FORMULA_STARTS = "=+-@"


def book_lines(queryset, raw=False):
    """Return a queryset of lines, in the order of the primary key."""
    columns = ["isbn", "genre", "language", "published_on", "pages", "price"]
    line = Line(cell("title", raw), cell("author__name", raw), *columns)
    return queryset.order_by("pk").values_list(line, flat=True)


def cell(name, raw):
    """Return an expression for a text. Most texts need no change, and these conditions are cheap."""
    text = F(name)
    escaped = text if raw else escape_formulas(text)
    quoted = Concat(Value('"'), Replace(escaped, Value('"'), Value('""')), Value('"'))
    cases = [When(contains(text, ',"\r\n'), then=quoted)]
    if not raw:
        cases.append(When(starts_a_formula(text) | contains(text, ";\t"), then=escaped))
    return Case(*cases, default=text)


def escape_formulas(text):
    """Add an apostrophe where a spreadsheet would otherwise start a formula: at the start, and after a separator."""
    escaped = text
    for separator, start in product(";\t\r\n", FORMULA_STARTS):
        escaped = Replace(escaped, Value(separator + start), Value(f"{separator}'{start}"))
    return Case(When(starts_a_formula(text), then=Concat(Value("'"), escaped)), default=escaped)


def starts_a_formula(text):
    # Most texts begin with a letter. For them, the database decides by the first comparison, which is cheaper than IN.
    return Q(LessThan(Ord(text), ord("A"))) & Q(In(Ord(text), [ord(character) for character in FORMULA_STARTS]))


def contains(text, characters):
    """Return a condition: the text has at least one of the characters."""
    return reduce(or_, (Q(GreaterThan(StrIndex(text, Value(each)), 0)) for each in characters))


class Line(Func):
    """The columns of a book, with commas between them and a line break at the end."""

    output_field = CharField()

    def as_sqlite(self, compiler, connection):
        # SQLite stores a price as a floating-point number. The format makes 9.50 out of 9.5.
        columns = Value("%s,%s,%s,%s,%s,%s,%s,%.2f\r\n")
        return compiler.compile(Func(columns, *self.get_source_expressions(), function="printf"))

    def as_postgresql(self, compiler, connection):
        *columns, published_on, pages, price = self.get_source_expressions()
        day = Func(published_on, Value("YYYY-MM-DD"), function="to_char")  # whatever the server's DateStyle is
        end = Func(price, Value("\r\n"), function="concat")
        return compiler.compile(Func(Value(","), *columns, day, pages, end, function="concat_ws"))
