"""A file that the row of an export names is on the disk, also after a power cut."""

import errno
import os
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

pytestmark = pytest.mark.covers("exports/storage.py", "config")


@pytest.mark.skipif(os.name != "posix", reason="Windows can't open a folder")
def test_a_saved_file_and_its_folders_are_written_to_the_disk(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    path = Path(default_storage.path(default_storage.save("exports/books.csv", ContentFile(b"abc"))))
    assert synced == [each.stat().st_ino for each in (path, path.parent, path.parent.parent)]


def test_a_folder_that_denies_chmod_can_keep_the_files(settings, tmp_path, monkeypatch):
    def deny(*arguments, **options):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(os, "chmod", deny)
    assert default_storage.save("exports/books.csv", ContentFile(b"abc")) == "exports/books.csv"
    assert (tmp_path / "exports" / "books.csv").read_bytes() == b"abc"
