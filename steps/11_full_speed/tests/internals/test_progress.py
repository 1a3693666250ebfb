"""How `write_csv` reports its progress."""

import io

import pytest
from django.core.management import call_command

from library.book_csv import BATCH, write_csv
from library.models import Book

pytestmark = pytest.mark.django_db


def test_progress_is_reported_after_each_chunk_and_ends_with_all_books():
    call_command("seed_books", "4500", verbosity=0)
    told, sizes, file = [], [], io.BytesIO()

    def progress(done):
        told.append(done)
        sizes.append(file.tell())

    assert write_csv(Book.objects.all(), file, progress=progress) == 4_500
    assert told == [BATCH, 2 * BATCH, 4_500]
    assert sizes == sorted(set(sizes)) and sizes[-1] == len(file.getvalue())
