"""Exercise 04b: an unfinished file is completed."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from library.factories import BookFactory, awkward_books
from library.models import Author, Book

pytestmark = pytest.mark.django_db


@pytest.fixture
def whole(tmp_path):
    """The whole file's bytes: plain books, and those that break a naive CSV."""
    for book in awkward_books():
        book.author.save()
        book.save()
    BookFactory.create_batch(5)
    file = tmp_path / "whole.csv"
    call_command("export_books", "-v0", "-o", str(file))
    return file.read_bytes()


@pytest.fixture
def resume(tmp_path):
    def run(unfinished):
        file = tmp_path / "unfinished.csv"
        file.write_bytes(unfinished)
        call_command("export_books", "-v0", "--resume", "-o", str(file))
        return file.read_bytes()

    return run


def test_wherever_it_was_cut_it_becomes_the_whole_file(whole, resume):
    for end in range(0, len(whole), 37):
        assert resume(whole[:end]) == whole, end


def test_what_is_whole_stays_as_it_is(whole, resume):
    assert resume(whole) == whole


def test_what_is_there_is_not_read_again(whole, resume):
    with CaptureQueriesContext(connection) as queries:
        resume(whole[: len(whole) // 2])
    assert any('"library_book"."id" >' in query["sql"] for query in queries)


def test_a_failure_leaves_the_unfinished_file(whole, resume, tmp_path, monkeypatch):
    half = whole[: len(whole) // 2]
    assert resume(half) == whole

    def fails(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("library.management.commands.export_books.write_csv", fails)
    with pytest.raises(CommandError):
        resume(half)
    assert (tmp_path / "unfinished.csv").read_bytes() == half


@pytest.mark.parametrize("content", [b"name,price\r\nTea,3\r\n", b"title,author,isbn,genre,language,published_on"])
def test_another_file_is_refused(whole, resume, tmp_path, content):
    if content.startswith(b"name"):
        with pytest.raises(CommandError):
            resume(content)
        assert (tmp_path / "unfinished.csv").read_bytes() == content
    else:
        assert resume(content) == whole  # cut within the header: from the beginning
    Book.objects.all().delete()
    Author.objects.all().delete()
    with pytest.raises(CommandError):
        resume(whole)  # of books that this library does not have
