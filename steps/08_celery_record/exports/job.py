"""How an export is made, from claim to done. It does not know who runs it."""

import logging
import os
import threading
import time
from contextlib import contextmanager

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.db import Error as DatabaseError
from django.db import connections

from exports.delivery import deliver
from exports.models import State
from exports.retry import Again, may_pass, of_storage
from library.book_csv import write_csv
from library.filters import BookFilter, CsvOptions
from library.models import Book

logger = logging.getLogger(__name__)
REPORT_EVERY = 0.5  # seconds


def run(export, retry=False):
    """Make the file of an export, and mail its owner how that ended.

    What another process is at work on, or has ended, is left alone: it is safe to run an export twice.
    With `retry` the runner promises to come again when this raises Again.
    """
    try:
        if export.claim():
            make(export)
        else:
            logger.warning("Export %s is %s: nothing to do.", export.pk, export.state)
    except (Exception, KeyboardInterrupt) as error:
        logger.exception("Attempt %s of export %s failed.", export.attempt, export.pk)
        connections.close_all()  # one of them may be what broke
        if retry and may_pass(error) and export.attempt < settings.EXPORT_ATTEMPTS:
            export.release()
            raise Again(settings.EXPORT_BACKOFF * 2 ** (export.attempt - 1)) from error
        export.fail(in_words(error))
    if export.state == State.RUNNING and retry:  # with somebody else, who may be dead
        logger.info("Export %s is with somebody else: come again in %.0f s.", export.pk, export.lease_left)
        raise Again(export.lease_left)
    if export.finished_at:
        deliver(export, retry)


def make(export):
    """From an export that is ours to one that is done."""
    if export.attempt > settings.EXPORT_ATTEMPTS:  # it takes each worker with it
        raise ValidationError(f"It was tried {settings.EXPORT_ATTEMPTS} times, and no attempt came to its end.")
    with heartbeat(export), temporary_file(f"{export.pk}-{export.attempt}.part") as file:
        rows = write(export, file)
        if export.finish(file, rows):
            logger.info("Export %s is done: %s books, %s bytes.", export.pk, rows, export.size)
        else:
            logger.warning("Export %s was taken over or deleted: this file is not wanted.", export.pk)


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
def heartbeat(export):
    """Show that this process lives, also while the database counts or the storage takes a large file."""
    over = threading.Event()

    def beat():
        while not over.wait(settings.EXPORT_LEASE / 5):
            try:
                export.report()
            except DatabaseError:  # the next one has a new connection
                logger.warning("A heartbeat of export %s was not noted.", export.pk, exc_info=True)
                connections["progress"].close()
        connections.close_all()  # those of this thread

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


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
    if type(error).__name__ == "SoftTimeLimitExceeded":  # Celery's, by name: the job imports nothing of a runner
        return "The export took too long."
    if isinstance(error, ValidationError):
        return error.message
    if isinstance(error, DatabaseError):
        return "There was a problem with the database."
    if of_storage(error):
        return f"The file could not be stored: {getattr(error, 'strerror', None) or 'refused'}."
    return "Something went wrong. We have it in our log."
