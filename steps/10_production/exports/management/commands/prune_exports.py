"""Delete what isn't needed anymore. Run this command once a day."""

import shutil
import time
from datetime import timedelta

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.db.models import Q
from django.utils import timezone

from exports.models import ACTIVE, Export, State
from library.errors import database_message

DAY = timedelta(days=1)
KEEP_ROWS = timedelta(days=365)


class Command(BaseCommand):
    help = (
        "Delete files that are older than EXPORT_RETENTION_DAYS, and what killed workers have left. Run it once a day."
    )
    requires_system_checks = []  # some checks read the database, and their error would be a traceback

    def handle(self, *, verbosity, **options):
        try:
            outdated = Export.objects.filter(state=State.DONE, expires_at__lt=timezone.now())
            expired = [export for export in outdated if export.expire()]
            leftover = [*self.unknown_files(), *self.old_folders()]
            old = Export.objects.filter(finished_at__lt=timezone.now() - KEEP_ROWS)
            old.exclude(ACTIVE | Q(state=State.DONE)).delete()
        except DatabaseError as error:
            raise CommandError(database_message(error)) from error
        except OSError as error:
            raise CommandError(f"A file can't be deleted: {error}") from error
        if verbosity:
            self.stdout.write(f"{len(expired)} exports expired, {len(leftover)} leftover files deleted.")

    def unknown_files(self):
        """Delete files that no export knows. A worker was killed after it had saved them."""
        try:
            names = [f"exports/{name}" for name in default_storage.listdir("exports")[1]]
        except FileNotFoundError:  # there hasn't been an export yet
            names = []
        known = set(Export.objects.exclude(file="").values_list("file", flat=True))
        for name in set(names) - known:
            if default_storage.get_modified_time(name) < timezone.now() - DAY:
                default_storage.delete(name)
                yield name

    def old_folders(self):
        """Delete unfinished files. A worker was killed while it was writing them."""
        for path in settings.EXPORT_TMP_DIR.glob("export-*"):
            if path.stat().st_mtime < time.time() - DAY.total_seconds():
                shutil.rmtree(path, ignore_errors=True)
                yield path
