"""Write books as CSV: RFC 4180, UTF-8, with a header."""

from contextlib import closing
from itertools import islice

from django.db import transaction
from django.utils import timezone

from library.csv_lines import book_lines

HEADER = ["title", "author", "isbn", "genre", "language", "published_on", "pages", "price"]
BATCH = 2_000  # books in a chunk
BOM = "\ufeff"  # at the start of a file, it tells Excel that the file is UTF-8


def csv_name():
    """Return the file name for today's books."""
    return f"books-{timezone.localdate()}.csv"


def csv_chunks(queryset, raw=False, bom=False):
    """Yield the books as CSV in chunks of bytes, in the order of their primary key.

    The first chunk begins with the header. Formulas are escaped unless `raw` is true.
    """
    for chunk, _ in counted_chunks(queryset, raw, bom):
        yield chunk


def read_lines(lines):
    """Yield the lines of the queryset in chunks of bytes, each with its number of lines."""
    with closing(lines.iterator()) as rows:  # ends the query when the client disconnects
        while batch := list(islice(rows, BATCH)):
            yield "".join(batch).encode(), len(batch)


def write_csv(queryset, file, raw=False, bom=False, progress=None, read=read_lines):
    """Write the same bytes to `file`. Return the number of books.

    After each chunk, call `progress` with the number of books written so far.
    `read(lines)` yields chunks of bytes, each with its number of books.
    """
    written = 0
    with closing(counted_chunks(queryset, raw, bom, read)) as chunks:  # ends the query after an error
        for chunk, written in chunks:
            file.write(chunk)
            if progress:
                progress(written)
    return written


def counted_chunks(queryset, raw, bom, read=read_lines):
    """Yield each chunk with the number of books that have been read so far."""
    header = f"{BOM if bom else ''}{','.join(HEADER)}\r\n".encode()
    number = 0
    chunks = read(book_lines(queryset.using("snapshot"), raw))
    # In a transaction, PgBouncer keeps the connection, and the cursor of PostgreSQL returns its first row immediately.
    with transaction.atomic(using="snapshot"), closing(chunks):  # ends the query when the client disconnects
        for chunk, lines in chunks:
            number += lines
            yield header + chunk, number
            header = b""
    if header:
        yield header, 0
