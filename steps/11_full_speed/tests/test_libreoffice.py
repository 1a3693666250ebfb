"""What LibreOffice reads from the file: each text, and no formula, whatever the separator."""

import csv
import subprocess
from xml.etree import ElementTree

import pytest

from library.factories import awkward_books
from tests.servers import program
from tests.test_csv_reads_back import escaped

FORMULA = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}formula"
SEPARATORS = {"comma": 44, "semicolon": 59, "tab": 9, "all three": "44/59/9"}


def csv_options(separator):
    """Return LibreOffice's options: the separator, the quotation mark, UTF-8, from the first line on."""
    return f"CSV:{SEPARATORS[separator]},34,76,1"


def opened(path, kind, separator="comma"):
    """Open the file in LibreOffice, save it as another kind, and return that file."""
    command = [program("soffice"), "--headless", f"-env:UserInstallation={(path.parent / 'profile').as_uri()}"]
    command += [f"--infilter={csv_options(separator)}", "--convert-to", kind, "--outdir", path.parent / "opened", path]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return path.parent / "opened" / path.with_suffix("." + kind.partition(":")[0]).name


def formulas(path, separator="comma"):
    document = ElementTree.parse(opened(path, "fods", separator))  # noqa: S314, LibreOffice wrote it
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
    assert {separator: formulas(path, separator) for separator in SEPARATORS} == {each: [] for each in SEPARATORS}
    with opened(path, "csv:Text - txt - csv (StarCalc):44,34,76,1").open(newline="", encoding="utf-8") as lines:
        _, *read = csv.reader(lines)
    texts = [[escaped(book.title), escaped(book.author.name)] for book in awkward_books()]
    expected = [[line_ends(text) for text in row] for row in texts]
    changed = [text for row, other in zip(expected, read, strict=True) for text in row if text not in other]
    # Spreadsheets change texts that look like a number or a date. No escape prevents that.
    assert changed == ["007", "November 9", "3/4"]
    path.write_bytes(client.get("/books/download/", {"raw": "1"}).getvalue())
    raw = {separator: formulas(path, separator) for separator in SEPARATORS}  # why there is an apostrophe
    assert "of:=1+1" in raw["comma"] and "of:=1+2" in raw["semicolon"] and "of:=1+3" in raw["tab"]


def line_ends(text):
    return text.replace("\r\n", "\n").replace("\r", "\n")
