"""Exercise 04a: only the first books are written."""

import pytest
from django.core.management import CommandError, call_command

from library.factories import BookFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def export(tmp_path):
    def run(*arguments):
        file = tmp_path / "books.csv"
        call_command("export_books", *arguments, "--force", "-v0", "-o", str(file))
        return file.read_text().splitlines()

    return run


@pytest.fixture(autouse=True)
def books():
    return [BookFactory(title=f"Book {number}", genre="novel" if number % 2 else "crime") for number in range(6)]


def test_the_first_books_that_match(export):
    lines = export("--limit=2", "--genre=novel")
    assert lines[0].startswith("title,") and [line[:6] for line in lines[1:]] == ["Book 1", "Book 3"]
    assert len(export()) == 7


def test_a_large_limit_changes_nothing(export):
    assert export("--limit=100") == export()


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_an_invalid_number_is_one_line_and_no_file(tmp_path, number, export):
    assert len(export("--limit=1")) == 2
    with pytest.raises(CommandError) as refused:
        call_command("export_books", f"--limit={number}", "-o", str(tmp_path / "new.csv"))
    assert "limit" in str(refused.value) and len(str(refused.value).splitlines()) == 1
    assert not (tmp_path / "new.csv").exists()
