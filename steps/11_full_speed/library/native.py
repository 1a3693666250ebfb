"""The same lines through the fastest interface of the database: `export_books --engine native`."""

import json
import subprocess
import sys
from contextlib import closing, suppress
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from django.db import DatabaseError, connections

from library import arrow_reader
from library.book_csv import BATCH

PACKAGES = ["adbc-driver-sqlite", "nanoarrow"]  # for SQLite


class NotAvailable(Exception):
    """The native engine can't be used. The text says why."""


def native_reader(queryset):
    """Return a function for `write_csv(read=...)`. Raise NotAvailable."""
    connection = connections[queryset.db]
    if connection.vendor == "postgresql":
        return read_stream
    if not Path(connection.settings_dict["NAME"]).is_file():
        raise NotAvailable("it needs PostgreSQL or a SQLite file")
    if not all(find_spec(name.replace("-", "_")) for name in PACKAGES):
        raise NotAvailable(f"run `pip install {' '.join(PACKAGES)}` first")
    return read_arrow


def read_stream(lines):
    """Read the lines with psycopg's stream(). PostgreSQL sends rows while we write others."""
    from psycopg import capabilities

    connection = connections[lines.db]
    size = BATCH if capabilities.has_stream_chunked() else 1  # rows at a time: many since libpq 17
    sql, params = lines.query.get_compiler(connection=connection).as_sql()
    with connection.wrap_database_errors, connection.cursor() as cursor:
        with closing(cursor.stream(sql, params, size=size)) as rows:
            while batch := [line for (line,) in islice(rows, BATCH)]:
                yield "".join(batch).encode(), len(batch)


def read_arrow(lines):
    """Read the lines with ADBC, in a child process.

    ADBC's driver has its own SQLite. If two copies of SQLite open a file in one process, the locks of one end when
    the other closes the file, and the database can be damaged (https://sqlite.org/howtocorrupt.html, 2.2.1).
    """
    connection = connections[lines.db]
    sql, params = lines.query.get_compiler(connection=connection).as_sql()
    request = {
        "uri": Path(connection.settings_dict["NAME"]).absolute().as_uri() + "?mode=ro",
        "timeout": connection.settings_dict["OPTIONS"].get("timeout", 5),  # seconds
        "sql": sql % (("?",) * len(params)),  # ? instead of %s
        "params": params,
        "batch": BATCH,
    }
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # With -P, Python finds no modules in the folder of arrow_reader.py. compression.py would hide one of Python's own.
    with subprocess.Popen([sys.executable, "-P", arrow_reader.__file__], **pipes) as child:
        try:
            with suppress(BrokenPipeError), child.stdin:
                child.stdin.write(json.dumps(request).encode())
            is_complete = yield from arrow_reader.read_messages(child.stdout)
            message = child.stderr.read().decode(errors="replace").strip()
            # The exit code is always 0 where SIGCHLD is ignored, as under some supervisors.
            if child.wait() != 0 or not is_complete:
                raise DatabaseError(message.splitlines()[-1] if message else "the process that reads it was killed")
        finally:
            child.kill()
