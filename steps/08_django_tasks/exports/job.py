"""The job: write the file of an export. It doesn't know what starts it."""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from django.core.exceptions import ValidationError
from django.core.files import File
from django.db import Error as DatabaseError
from django.db import close_old_connections

from exports.delivery import deliver
from exports.models import Export
from library.book_csv import write_csv
from library.filters import filtered_books

logger = logging.getLogger(__name__)
REPORT_EVERY = 10_000  # books


def run(export_id):
    """Run a waiting export, and email the result to its owner. Return the export, or None if there is none.

    An export that isn't waiting is left as it is, so a second call does no harm.
    """
    export = Export.objects.filter(pk=export_id).first()
    if export is None or not export.claim():
        logger.warning("Export %s isn't waiting, so there is nothing to do.", export_id)
        return export
    try:
        write_file(export)
    except (Exception, KeyboardInterrupt) as error:
        logger.exception("Export %s failed.", export.pk)
        close_old_connections()  # the error may have broken the connection, or left its query open
        export.fail(message_for(error))
    if export.finished_at:
        deliver(export)
    return export


def write_file(export):
    """Write the books that match the filters to a file, and save it in the storage."""
    books = filtered_books(export.filters)
    export.report(rows_total=books.count())

    def progress(rows):
        if rows % REPORT_EVERY == 0:
            export.report(rows_done=rows)

    with TemporaryDirectory(prefix="export-") as folder:
        path = Path(folder) / export.name
        with path.open("wb") as file:
            rows = write_csv(books, file, progress=progress)
        with path.open("rb") as file:
            if export.finish(File(file), rows):
                logger.info("Export %s is done: %s books, %s bytes.", export.pk, rows, export.size)


def message_for(error):
    """Return a sentence for the user. The log has the details."""
    if isinstance(error, KeyboardInterrupt):
        return "The export was stopped. Please try again."
    if isinstance(error, ValidationError):
        return "These filters are no longer valid."
    if isinstance(error, DatabaseError):
        return "The database reported an error. Please try again."
    if isinstance(error, OSError):
        return "The file could not be saved. Please try again."
    return "Something went wrong. The error has been logged."
