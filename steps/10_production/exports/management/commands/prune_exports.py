"""For a timer, once a day: files that were kept for long enough, and what dead processes left behind."""

import re
import time

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from exports.models import Export, export_storage
from exports.retry import of_storage

OLD = 24 * 60 * 60  # seconds; nothing that is at work is as old
STORED_AS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-\d+\.csv")  # Export.stored_as


class Command(BaseCommand):
    help = "Delete files that were kept for EXPORT_KEEP days, and what dead processes left. Meant to run once a day."

    def handle(self, *, verbosity, **options):
        outdated = list(Export.objects.outdated())
        for export in outdated:
            export.expire()
        left = self.delete_files_without_a_row() + self.delete_old_files(settings.EXPORT_TEMP, OLD)
        self.delete_old_files(settings.EXPORT_LOGS, settings.EXPORT_KEEP * OLD)
        if verbosity:
            self.stdout.write(f"{len(outdated)} exports expired, {left} left-over files deleted.")

    def delete_files_without_a_row(self):
        """In the storage: of a process that died between handing over and noting it."""
        storage, deleted = export_storage(), 0
        known = set(Export.objects.exclude(file="").values_list("file", flat=True))
        for name in filter(STORED_AS.fullmatch, set(files(storage)) - known):
            try:
                age = timezone.now() - storage.get_modified_time(name)
                if age.total_seconds() > OLD:
                    storage.delete(name)
                    deleted += 1
            except Exception as error:
                if not of_storage(error):  # its owner was faster, or it goes tomorrow
                    raise
        return deleted

    def delete_old_files(self, folder, seconds):
        files = [path for path in folder.glob("*") if path.is_file()]
        old = [path for path in files if time.time() - path.stat().st_mtime > seconds]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)


def files(storage):
    try:
        return storage.listdir("")[1]
    except FileNotFoundError:  # there was no export yet
        return []
