"""What a spreadsheet makes of the file: each text is there, and none is a formula."""

import csv
import subprocess
from xml.etree import ElementTree

import pytest

from library.factories import awkward_books
from tests.servers import program
from tests.test_csv_reads_back import without_formula

FORMULA = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}formula"
CSV_IN_UTF_8 = "44,34,76,1"  # the comma, the quotation mark, UTF-8, from the first line on


def opened(path, kind):
    """The file as LibreOffice writes it when it has opened it."""
    command = [program("soffice"), "--headless", f"-env:UserInstallation={(path.parent / 'profile').as_uri()}"]
    command += [f"--infilter=CSV:{CSV_IN_UTF_8}", "--convert-to", kind, "--outdir", path.parent / "opened", path]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return path.parent / "opened" / path.with_suffix("." + kind.partition(":")[0]).name


def formulas(path):
    document = ElementTree.parse(opened(path, "fods"))  # noqa: S314, LibreOffice has just written it
    return [cell.get(FORMULA) for cell in document.iter() if cell.get(FORMULA)]


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.covers("library/book_csv.py")
@pytest.mark.django_db
def test_libreoffice_shows_every_awkward_text_and_computes_none(client, tmp_path):
    for book in awkward_books():
        book.author.save()
        book.save()
    path = tmp_path / "books.csv"
    path.write_bytes(client.get("/books/download/").getvalue())
    assert formulas(path) == []
    with opened(path, f"csv:Text - txt - csv (StarCalc):{CSV_IN_UTF_8}").open(newline="", encoding="utf-8") as lines:
        _, *read = csv.reader(lines)
    texts = [[without_formula(book.title), without_formula(book.author.name)] for book in awkward_books()]
    assert [row[:2] for row in read] == [[line_ends(text) for text in row] for row in texts]
    path.write_bytes(client.get("/books/download/", {"raw": "1"}).getvalue())
    assert "of:=1+1" in formulas(path)  # what the apostrophe is for


def line_ends(text):
    return text.replace("\r\n", "\n").replace("\r", "\n")
