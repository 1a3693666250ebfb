"""PostgreSQL's COPY, for a comparison with rung 6. psycopg yields a message for each line."""

from itertools import chain, islice

from django.db import connection
from django.db.models import Case, CharField, F, Func, Value, When
from django.db.models.functions import NullIf

from library.book_csv import BATCH, HEADER, book_lines
from library.csv_lines import contains, escape_formulas, starts_a_formula
from library.models import Book

FIRST = f"{','.join(HEADER)}\r\n".encode()
PGCOPY = 19  # bytes before the first row: see "Binary Format" in PostgreSQL's documentation of COPY
PREFIX = 6  # bytes before each line: how many columns the row has, and how long the line is


def chunks():
    """The lines of rung 6."""
    yield FIRST
    rows = messages(book_lines(Book.objects.all(), raw=True), "binary")
    rows = chain([next(rows)[PGCOPY:]], rows)
    while lines := [row[PREFIX:] for row in islice(rows, BATCH)]:
        yield b"".join(lines)


def csv(cell=F):
    """The columns, which PostgreSQL turns into CSV.

    PostgreSQL writes an empty text as "", and ends each line with a line feed only. csv.writer does neither.
    """
    yield FIRST
    day = Func("published_on", Value("YYYY-MM-DD"), function="to_char", output_field=CharField())
    title, author = (NullIf(cell(name), Value("")) for name in ("title", "author__name"))
    columns = [title, author, "isbn", "genre", "language", day, "pages", "price"]
    rows = messages(Book.objects.order_by("pk").values_list(*columns), "csv")
    while lines := [row[:-1] for row in islice(rows, BATCH)]:
        yield b"\r\n".join([*lines, b""])


def csv_escaped():
    yield from csv(escaped)


def escaped(name):
    text = F(name)
    return Case(When(starts_a_formula(text) | contains(text, ";\t\r\n"), then=escape_formulas(text)), default=text)


def messages(queryset, form):
    sql, parameters = queryset.query.get_compiler(connection=connection).as_sql()
    with connection.cursor() as cursor, cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT {form})", parameters) as copy:
        yield from copy
