"""PostgreSQL's COPY, for a comparison with rung 6. psycopg yields a message for each line."""

from itertools import chain, islice

from django.db import connection

from library.book_csv import BATCH, HEADER, book_lines
from library.models import Book

PGCOPY = 19  # bytes before the first row: see "Binary Format" in PostgreSQL's documentation of COPY
PREFIX = 6  # bytes before each line: how many columns the row has, and how long the line is


def chunks():
    yield f"{','.join(HEADER)}\r\n".encode()
    sql, parameters = book_lines(Book.objects.all(), raw=True).query.get_compiler(connection=connection).as_sql()
    statement = f"COPY ({sql}) TO STDOUT (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        rows = iter(copy)
        rows = chain([next(rows)[PGCOPY:]], rows)
        while lines := [row[PREFIX:] for row in islice(rows, BATCH)]:
            yield b"".join(lines)
