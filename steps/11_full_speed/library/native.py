"""The same lines through a faster interface of the database: `export_books --engine native`."""

import json
import subprocess
import sys
from contextlib import closing
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from django.db import DatabaseError, connections

from library import arrow_reader
from library.book_csv import BATCH

PACKAGES = ["adbc-driver-sqlite", "nanoarrow"]  # for SQLite


def why_not_native(queryset):
    """Return why read_native() can't read from the database, or "" if it can."""
    connection = connections[queryset.db]
    if connection.vendor == "postgresql":
        return ""
    if not Path(connection.settings_dict["NAME"]).is_file():
        return "it needs PostgreSQL or a SQLite file"
    if not all(find_spec(name.replace("-", "_")) for name in PACKAGES):
        return f"run `pip install {' '.join(PACKAGES)}` first"
    return ""


def read_native(lines):
    """Do the same as read_lines(), without the ORM."""
    connection = connections[lines.db]
    sql, params = lines.query.get_compiler(connection=connection).as_sql()
    read = read_stream if connection.vendor == "postgresql" else read_arrow
    return read(connection, sql, params)


def read_stream(connection, sql, params):
    """Read the lines with psycopg's stream(). PostgreSQL sends rows while we write others."""
    from psycopg import capabilities

    size = BATCH if capabilities.has_stream_chunked() else 1  # rows at a time: many since libpq 17
    with connection.wrap_database_errors, connection.cursor() as cursor:
        with closing(cursor.stream(sql, params, size=size)) as rows:
            while batch := [line for (line,) in islice(rows, BATCH)]:
                yield "".join(batch).encode(), len(batch)


def read_arrow(connection, sql, params):
    """Read the lines with ADBC, in a child process.

    ADBC's driver has its own SQLite. If two copies of SQLite open a file in one process, the locks of one end when
    the other closes the file, and the database can be damaged (https://sqlite.org/howtocorrupt.html, 2.2.1).
    """
    request = {
        "uri": Path(connection.settings_dict["NAME"]).absolute().as_uri() + "?mode=ro",
        "timeout": connection.settings_dict["OPTIONS"].get("timeout", 5),  # seconds
        "sql": sql % (("?",) * len(params)),  # ? instead of %s
        "params": params,
        "batch": BATCH,
    }
    # With -P, Python finds no modules in the folder of arrow_reader.py. compression.py would hide one of Python's own.
    command = [sys.executable, "-P", arrow_reader.__file__, json.dumps(request)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            is_complete = yield from arrow_reader.read_messages(child.stdout)
            if not is_complete:
                message = child.stderr.read().decode(errors="replace").strip()
                raise DatabaseError(message.splitlines()[-1] if message else "the process that reads it was killed")
        finally:
            child.kill()
