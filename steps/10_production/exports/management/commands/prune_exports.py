"""Delete what isn't needed anymore. Run this command once a day."""

import shutil
import time
from datetime import timedelta

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.utils import timezone

from exports.models import Export, State
from library.errors import database_message

DAY = timedelta(days=1)
KEEP_ROWS = timedelta(days=365)


class Command(BaseCommand):
    help = "Delete files older than EXPORT_RETENTION_DAYS, and files of killed workers. Run this command once a day."
    requires_system_checks = []  # some checks read the database, and their error would be a traceback

    def handle(self, *, verbosity, **options):
        try:
            outdated = Export.objects.filter(state=State.DONE, expires_at__lt=timezone.now())
            expired = [export for export in outdated if export.expire()]
            files, folders = unknown_files(), old_folders()
            for name in files:
                default_storage.delete(name)
            for folder in folders:
                shutil.rmtree(folder, ignore_errors=True)
            Export.objects.filter(finished_at__lt=timezone.now() - KEEP_ROWS).exclude(state=State.DONE).delete()
        except DatabaseError as error:
            raise CommandError(database_message(error)) from error
        except OSError as error:
            raise CommandError(f"A file can't be deleted: {error}") from error
        if verbosity:
            leftover = len(files) + len(folders)
            self.stdout.write(f"{len(expired)} exports expired, {leftover} leftover files deleted.")


def unknown_files():
    """Return the files that no export knows. A worker was killed after it had saved them."""
    try:
        names = {f"exports/{name}" for name in default_storage.listdir("exports")[1]}
    except FileNotFoundError:  # there hasn't been an export yet
        return []
    names -= set(Export.objects.exclude(file="").values_list("file", flat=True))
    return [name for name in names if default_storage.get_modified_time(name) < timezone.now() - DAY]


def old_folders():
    """Return the folders with unfinished files. A worker was killed while it was writing them."""
    a_day_ago = time.time() - DAY.total_seconds()
    return [path for path in settings.EXPORT_TMP_DIR.glob("export-*") if path.stat().st_mtime < a_day_ago]
