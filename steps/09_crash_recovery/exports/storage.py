"""The storage of finished files."""

import os
from pathlib import Path

from django.core.files.storage import FileSystemStorage

from library.atomic_file import sync_folder


class DurableStorage(FileSystemStorage):
    """A folder whose new files survive a power cut. Otherwise a row could say "done" although its file is lost."""

    def _save(self, name, content):
        name = super()._save(name, content)
        path = Path(self.path(name))
        with path.open("rb") as file:
            os.fsync(file.fileno())
        for folder in path.parents[:2]:  # the first export creates the inner one
            sync_folder(folder)
        return name
