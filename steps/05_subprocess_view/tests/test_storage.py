"""The storage of the files."""

import errno
import os

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

pytestmark = pytest.mark.covers("config")


def test_a_folder_that_denies_chmod_can_keep_the_files(settings, tmp_path, monkeypatch):
    def deny(*arguments, **options):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(os, "chmod", deny)
    assert default_storage.save("exports/books.csv", ContentFile(b"abc")) == "exports/books.csv"
    assert (tmp_path / "exports" / "books.csv").read_bytes() == b"abc"
