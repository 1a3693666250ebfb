"""Write books as CSV: RFC 4180, UTF-8, with a header."""

import csv
import re
from contextlib import closing
from io import StringIO

from django.db import transaction
from django.utils import timezone

HEADER = ["title", "author", "isbn", "genre", "language", "published_on", "pages", "price"]
FIELDS = ["title", "author__name", *HEADER[2:]]  # what each column is read from
BATCH = 2_000  # books in a chunk
BOM = "\ufeff"  # at the start of a file, it tells Excel that the file is UTF-8
# The start of each part of a text that a spreadsheet could read as a cell of its own.
FORMULA = re.compile(r"(?<![^;\t\r\n])(?=[=+\-@])")


def csv_name():
    """Return the file name for today's books."""
    return f"books-{timezone.localdate()}.csv"


def csv_chunks(queryset, raw=False, bom=False):
    """Yield the books as CSV in chunks of bytes, in the order of their primary key.

    The first chunk begins with the header. Formulas are escaped unless `raw` is true.
    """
    for chunk, _ in counted_chunks(queryset, raw, bom):
        yield chunk


def write_csv(queryset, file, raw=False, bom=False, progress=None):
    """Write the same bytes to `file`. Return the number of books.

    After each chunk, call `progress` with the number of books written so far.
    """
    written = 0
    with closing(counted_chunks(queryset, raw, bom)) as chunks:  # ends the query after an error
        for chunk, written in chunks:
            file.write(chunk)
            if progress:
                progress(written)
    return written


def counted_chunks(queryset, raw, bom):
    """Yield each chunk with the number of books that have been read so far."""
    escape = str if raw else escape_formulas
    buffer = StringIO()
    if bom:
        buffer.write(BOM)
    writer = csv.writer(buffer)
    writer.writerow(HEADER)
    number = 0
    rows = queryset.using("snapshot").order_by("pk").values_list(*FIELDS).iterator()
    # In a transaction, PgBouncer keeps the connection, and the cursor of PostgreSQL returns its first row immediately.
    with transaction.atomic(using="snapshot"), closing(rows):  # ends the query when the client disconnects
        for number, (title, author, *others) in enumerate(rows, start=1):
            writer.writerow([escape(title), escape(author), *others])
            if number % BATCH == 0:
                yield buffer.getvalue().encode(), number
                buffer.seek(0)
                buffer.truncate()
    yield buffer.getvalue().encode(), number


def escape_formulas(text):
    """Add an apostrophe where a spreadsheet would otherwise start a formula.

    The text can be split into several cells if the spreadsheet reads the file with a
    semicolon or a tab as the separator.
    """
    return FORMULA.sub("'", text)
