"""The job: write the file of an export. It doesn't know what starts it."""

import logging
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.db import Error as DatabaseError
from django.db import close_old_connections, connections, transaction

from exports.delivery import deliver
from exports.logs import current_export
from exports.models import Export, LeaseLost, TookTooLong
from exports.retry import RetryLater, is_storage_error, is_transient
from library.book_csv import write_csv
from library.filters import filtered_books

logger = logging.getLogger(__name__)
REPORT_EVERY = 10_000  # books


def run(export_id):
    """Run an export that nothing is working on, and email the result to its owner.

    A second call at the same time, or afterwards, does no harm. Raise RetryLater if the error may go away.
    """
    export = Export.objects.filter(pk=export_id).first()
    if export is None:
        logger.warning("There is no export %s.", export_id)
        return
    if export.tries_left and (token := export.claim()):
        run_try(export, token)
    elif not export.finished_at:
        logger.info("Export %s is %s, so there is nothing to do.", export.pk, export.state)
    if export.finished_at:
        deliver(export)


def run_try(export, token):
    """Write the file, and change the state to done or failed. Raise RetryLater if the error may go away."""
    try:
        with heartbeat(export, token):
            write_file(export, token)
    except LeaseLost:
        logger.warning("Export %s has lost its lease, so try %s ends here.", export.pk, export.tries_used)
    except (Exception, KeyboardInterrupt) as error:
        logger.exception("Try %s of export %s failed.", export.tries_used, export.pk)
        close_old_connections()  # the error may have broken the connection, or left its query open
        if is_transient(error) and export.tries_left:
            seconds = settings.EXPORT_BACKOFF * 2 ** (export.tries_used - 1)
            raise RetryLater(seconds, partial(export.release, token)) from error
        export.fail(token, message_for(error))


@contextmanager
def heartbeat(export, token):
    """Extend the lease regularly, also while the database or the storage doesn't answer."""
    is_over = threading.Event()

    def beat():
        current_export.set(str(export.pk))  # a thread begins without the values of the other's ContextVars
        while not is_over.wait(settings.EXPORT_LEASE / 5):
            try:
                export.report(token)
            except (LeaseLost, TookTooLong):
                break  # the job will see it too, unless it hangs. Then its lease ends
            except Exception:
                logger.warning("A heartbeat of export %s could not be saved.", export.pk, exc_info=True)
                connections["progress"].close()  # the next heartbeat gets a new connection
        connections.close_all()  # those of this thread

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(timeout=1)  # not longer, because its connection may be dead


def write_file(export, token):
    """Write the books that match the filters to a file, and save it in the storage."""
    books = filtered_books(export.filters)

    def progress(rows):
        if rows % REPORT_EVERY == 0:
            export.report(token, rows_done=rows)

    settings.EXPORT_TMP_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="export-", dir=settings.EXPORT_TMP_DIR) as folder:
        path = Path(folder) / export.name
        with path.open("wb") as file, transaction.atomic(using="snapshot"):  # the books that are counted are written
            export.report(token, rows_total=books.using("snapshot").count())
            rows = write_csv(books, file, progress=progress)
        with path.open("rb") as file:
            export.finish(token, File(file), rows)
    logger.info("Export %s is done: %s books, %s bytes.", export.pk, rows, export.size)


def message_for(error):
    """Return a sentence for the user. The log has the details."""
    if isinstance(error, KeyboardInterrupt):
        return "The export was stopped. Please try again."
    if isinstance(error, TookTooLong):
        return "The export took too long. Please choose fewer books."
    if isinstance(error, ValidationError):
        return "These filters are no longer valid."
    if isinstance(error, DatabaseError):
        return "The database reported an error. Please try again."
    if is_storage_error(error):
        return "The file could not be saved. Please try again."
    return "Something went wrong. The error has been logged."
