"""`write_csv` writes the bytes of the download to a file."""

import io

import pytest
from django.core.management import call_command

from library.book_csv import write_csv
from library.models import Book

pytestmark = pytest.mark.django_db


def test_it_writes_what_the_download_sends(client):
    call_command("seed_books", "30", verbosity=0)
    file = io.BytesIO()
    write_csv(Book.objects.all(), file)
    assert file.getvalue() == client.get("/books/download/").getvalue()
    assert file.getvalue().count(b",979") == 30


def test_without_books_the_file_is_a_header():
    file = io.BytesIO()
    write_csv(Book.objects.none(), file)
    assert file.getvalue() == b"title,author,isbn,genre,language,published_on,pages,price\r\n"
