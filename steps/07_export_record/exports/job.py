"""How an export is made, from claim to done. It does not know who runs it."""

import logging
import os
import time
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.db import Error as DatabaseError
from django.db import connections

from exports.delivery import deliver
from library.book_csv import write_csv
from library.filters import BookFilter, CsvOptions
from library.models import Book

logger = logging.getLogger(__name__)
REPORT_EVERY = 0.5  # seconds


def run(export):
    """Make the file of a waiting export, and mail its owner how that ended.

    An export that another process has taken, or that has ended, is left alone.
    """
    try:
        if export.claim():
            make(export)
        else:
            logger.warning("Export %s is %s: nothing to do.", export.pk, export.state)
    except (Exception, KeyboardInterrupt) as error:
        logger.exception("Export %s failed.", export.pk)
        connections.close_all()  # one of them may be what broke
        export.fail(in_words(error))
    if export.finished_at:
        deliver(export)


def make(export):
    """From an export that is ours to one that is done."""
    with temporary_file(f"{export.pk}.part") as file:
        rows = write(export, file)
        if export.finish(file, rows):
            logger.info("Export %s is done: %s books, %s bytes.", export.pk, rows, export.size)
        else:
            logger.warning("Export %s was deleted: this file is not wanted.", export.pk)


def write(export, file):
    """Write the books that the export asks for, and note the progress."""
    book_filter, options = BookFilter(export.filters, Book.objects.all()), CsvOptions(export.filters)
    if not (book_filter.is_valid() and options.is_valid()):  # the view's check may be of an older version
        raise ValidationError("These filters cannot be used (any more).")
    export.report(rows_total=book_filter.qs.count())
    last = time.monotonic()

    def progress(done):
        nonlocal last
        if time.monotonic() - last > REPORT_EVERY:
            try:
                export.report(rows_done=done)
            except DatabaseError:  # the file does not depend on it
                logger.warning("The progress of export %s was not noted.", export.pk, exc_info=True)
                connections["progress"].close()
            last = time.monotonic()

    rows = write_csv(book_filter.qs, file, **options.cleaned_data, progress=progress)
    file.flush()
    os.fsync(file.fileno())
    file.seek(0)
    return rows


@contextmanager
def temporary_file(name):
    """A file on the disk of the storage that nobody sees; it is gone when the block ends, unless it was moved."""
    settings.EXPORT_TEMP.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.EXPORT_TEMP / name
    try:
        with path.open("w+b") as file:
            yield Movable(file)
    finally:
        path.unlink(missing_ok=True)


class Movable(File):
    """Has the path that Django's file storage asks for, to move the file to its final name and not to copy it."""

    def temporary_file_path(self):
        return self.name


def in_words(error):
    """What the owner of the export is told. The log has the rest."""
    if isinstance(error, KeyboardInterrupt):
        return "The export was stopped before its end."
    if isinstance(error, ValidationError):
        return error.message
    if isinstance(error, DatabaseError):
        return "There was a problem with the database."
    if isinstance(error, OSError):
        return f"The file could not be stored: {error.strerror or 'refused'}."
    return "Something went wrong. We have it in our log."
