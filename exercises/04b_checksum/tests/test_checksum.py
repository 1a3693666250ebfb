"""Exercise 04b: a checksum beside the file."""

import builtins
import hashlib
import io
import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from library.factories import BookFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    BookFactory.create_batch(3)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def export(*arguments):
    call_command("export_books", "-v0", *arguments)


def test_the_checksum_is_the_one_of_the_file(folder):
    (folder / "exports").mkdir()
    export("--checksum", "-o", "exports/books.csv")
    checksum = hashlib.sha256((folder / "exports" / "books.csv").read_bytes()).hexdigest()
    assert (folder / "exports" / "books.csv.sha256").read_text() == f"{checksum}  books.csv\n"


def test_without_the_option_there_is_no_checksum(folder):
    export("-o", "with.csv", "--checksum")
    export("-o", "without.csv")
    assert sorted(path.name for path in folder.iterdir()) == ["with.csv", "with.csv.sha256", "without.csv"]


def test_the_file_is_not_read_again(folder, monkeypatch):
    """Reading a file of several gigabytes a second time takes as long as writing it."""
    opened = []

    def watch(module, name):
        original = getattr(module, name)

        def watched(path, *arguments, **options):
            opened.append((str(path), arguments, options))
            return original(path, *arguments, **options)

        monkeypatch.setattr(module, name, watched)

    watch(builtins, "open")
    watch(io, "open")
    watch(os, "open")
    for name in ("open", "read_bytes", "read_text"):
        watch(Path, name)
    export("--checksum", "-o", "books.csv")
    monkeypatch.undo()
    assert (folder / "books.csv.sha256").exists()
    assert [each for each in opened if each[0].endswith("books.csv")] == []


def test_a_failed_export_leaves_both_files(folder):
    export("--checksum", "-o", "books.csv")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    BookFactory()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE library_book RENAME TO elsewhere")
    with pytest.raises(CommandError, match="was not written"):
        export("--checksum", "--force", "-o", "books.csv")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(before) == 2


def test_standard_output_has_no_checksum(folder):
    output = io.StringIO()
    with pytest.raises(CommandError, match="--checksum"):
        call_command("export_books", "--checksum", "-o", "-", stdout=output)
    assert output.getvalue() == "" and list(folder.iterdir()) == []
