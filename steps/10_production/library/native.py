"""The same bytes by the way on which the database gives rows away: `export_books --engine native`.

It is the same query, and so the same lines; what changes is how they come. The ORM makes a Python object
of each. PostgreSQL sends them without a cursor, and finds the next ones while we write. SQLite's Arrow
driver lays some thousand of them into one piece of memory, end to end, and that goes to the file as it is.
"""

from contextlib import closing
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from django.core.exceptions import EmptyResultSet
from django.db import DatabaseError, connections
from django.db.backends.sqlite3.base import SQLiteCursorWrapper

from library.book_csv import BATCH, BOM, HEADER, book_lines

PACKAGES = ["adbc-driver-sqlite", "nanoarrow"]  # for SQLite


def why_not_native(queryset):
    """What keeps the native engine from reading these books, in words; None if nothing does.

    On SQLite it knows none of the functions that Django adds there, as filters like `__month` need them.
    """
    connection = connections[queryset.db]
    if connection.vendor == "postgresql":
        return None
    if connection.vendor != "sqlite":
        return f"there is none for {connection.display_name}"
    if connection.in_atomic_block or not Path(connection.settings_dict["NAME"]).is_file():
        return "on SQLite it has a connection of its own, which would not see these books"
    if not all(find_spec(name.replace("-", "_")) for name in PACKAGES):
        return f"for SQLite it needs what `pip install {' '.join(PACKAGES)}` brings"
    return None


def native_chunks(queryset, raw, bom):
    """Like `counted_chunks` of book_csv: the pieces of the file, each with its number of books."""
    connection = connections[queryset.db]
    read = by_stream if connection.vendor == "postgresql" else by_arrow
    header = f"{BOM if bom else ''}{HEADER}\r\n".encode()
    try:
        sql, parameters = book_lines(queryset, raw).query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:  # Django knows without the database that there is none
        yield header, 0
        return
    for lines, books in read(connection, sql, parameters):
        yield header + lines if header else lines, books
        header = b""
    if header:
        yield header, 0


def by_stream(connection, sql, parameters):
    """By psycopg's `stream`. (COPY is slower here: it would be a message for each line.)"""
    from psycopg import capabilities

    size = BATCH if capabilities.has_stream_chunked() else 1  # rows that come at a time: many since libpq 17
    with connection.wrap_database_errors, connection.cursor() as cursor:
        with closing(cursor.stream(sql, parameters, size=size)) as rows:
            while lines := [line for (line,) in islice(rows, BATCH)]:
                yield "".join(lines).encode(), len(lines)


def by_arrow(connection, sql, parameters):
    import adbc_driver_sqlite
    import nanoarrow
    from adbc_driver_manager import AdbcConnection, AdbcStatement, Error

    # The driver has a SQLite of its own, and a process must not open one file with two of them:
    # the locks of one end when the other closes the file (https://sqlite.org/howtocorrupt.html, 2.2.1).
    connection.close()
    address = Path(connection.settings_dict["NAME"]).absolute().as_uri() + "?mode=ro"
    timeout = connection.settings_dict["OPTIONS"].get("timeout", 5)  # seconds
    try:
        with (
            adbc_driver_sqlite.connect(address) as database,
            AdbcConnection(database) as link,
            AdbcStatement(link) as statement,
        ):
            statement.set_sql_query(f"PRAGMA busy_timeout = {timeout * 1000:.0f}")
            statement.execute_query()
            statement.set_options(**{"adbc.sqlite.query.batch_rows": str(BATCH)})
            statement.set_sql_query(SQLiteCursorWrapper.convert_query(None, sql))  # ? for %s
            statement.bind(arrow_row(parameters))
            stream, _ = statement.execute_query()
            for batch in nanoarrow.c_array_stream(stream):
                if len(batch):
                    lines = batch.child(0).view()
                    starts, text = lines.buffer(1), memoryview(lines.buffer(2))
                    yield text[starts[0] : starts[len(batch)]], len(batch)
    except (Error, RuntimeError) as error:  # of the driver, and of nanoarrow
        raise DatabaseError(str(error)) from error


def arrow_row(values):
    """The parameters of a query, texts and numbers, as one row of Arrow's."""
    import nanoarrow

    types = {str: nanoarrow.string(), float: nanoarrow.float64(), bytes: nanoarrow.binary()}
    columns = [nanoarrow.c_array([value], types.get(type(value), nanoarrow.int64())) for value in values]
    schema = nanoarrow.struct({str(place): column.schema for place, column in enumerate(columns)})
    return nanoarrow.c_array_from_buffers(schema, 1, [None], children=columns)
