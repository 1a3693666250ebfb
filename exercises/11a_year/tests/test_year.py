"""Exercise 11a: a column for the year."""

import csv
from datetime import date

import pytest

from library.book_csv import csv_chunks
from library.factories import BookFactory
from library.models import Book
from tests.servers import make_database, manage, postgresql


@pytest.mark.django_db
def test_each_line_ends_with_the_year():
    BookFactory(published_on=date(2001, 2, 3), price="9.50")
    BookFactory(title='A "B", C', published_on=date(1956, 12, 31))
    header, *lines = b"".join(csv_chunks(Book.objects.all())).decode().split("\r\n")
    assert header.endswith(",pages,price,year")
    assert lines.pop() == ""
    assert [line.rpartition(",")[2] for line in lines] == ["2001", "1956"]
    assert ",9.50,2001" in lines[0]


def export(database, engine):
    done = manage(database, "export_books", "-v0", f"--engine={engine}", "-o", "-", text=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.server
def test_the_native_engine_gives_the_same_bytes(database):
    content = export(database, "native")
    assert content == export(database, "orm")
    assert content.startswith(b"title,") and content.split(b"\r\n")[0].endswith(b",year")


@pytest.mark.services
def test_it_works_on_postgresql():
    with postgresql() as url:
        make_database(url, books=20)
        rows = list(csv.DictReader(export(url, "orm").decode().splitlines()))
    assert {row["year"] for row in rows} == {row["published_on"][:4] for row in rows}
