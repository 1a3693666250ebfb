"""`manage.py export_books`: the file of the download, without the web."""

import gzip
import io
import os
import re
import zipfile
from datetime import date

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from library.factories import BookFactory
from library.filters import BookFilter

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def books():
    BookFactory(title="The Lost Island", genre="novel", published_on=date(1950, 5, 5))
    BookFactory(title="A Map", author__name="Mr Island", genre="crime", published_on=date(2001, 1, 1))
    BookFactory(title="=1+1", genre="novel", published_on=date(2020, 2, 2))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def todays_name():
    """Asked for when it is needed: a test run may begin before midnight and end after it."""
    return f"books-{timezone.localdate()}.csv"


def export(*arguments, **options):
    """What the command says, and what it returns."""
    said = io.StringIO()
    returned = call_command("export_books", *arguments, stdout=said, stderr=said, **options)
    return said.getvalue(), returned


@pytest.mark.parametrize(
    "arguments, query",
    [
        ([], {}),
        (["--q", "island"], {"q": "island"}),
        (["--q=-1"], {"q": "-1"}),
        (["--genre", "novel"], {"genre": "novel"}),
        (["--published-from", "2001-01-01"], {"published_from": "2001-01-01"}),
        (["--published-to=2001-01-01", "--q=island"], {"published_to": "2001-01-01", "q": "island"}),
        (["--raw"], {"raw": "1"}),
        (["--bom"], {"bom": "1"}),
    ],
)
def test_the_same_bytes_as_the_download_with_the_same_filters(client, folder, arguments, query):
    export("-o", "books.csv", *arguments)
    assert (folder / "books.csv").read_bytes() == client.get("/books/download/", query).getvalue()


def test_each_filter_of_the_page_is_an_option(capsys):
    with pytest.raises(SystemExit):
        call_command("export_books", "--help")
    told = capsys.readouterr().out
    assert {name for name in BookFilter.base_filters if f"--{name.replace('_', '-')} " not in told} == set()
    assert "examples:\n  manage.py export_books" in told


def test_from_python_it_takes_the_same_options_and_returns_nothing(folder, client):
    said, returned = export(output="novels.csv", genre="novel", published_from=date(2001, 1, 1), raw=True)
    assert returned is None
    expected = client.get("/books/download/", {"genre": "novel", "published_from": "2001-01-01", "raw": "1"})
    assert (folder / "novels.csv").read_bytes() == expected.getvalue()


def test_without_a_name_the_file_is_called_like_the_download(folder):
    export()
    export("--compress", "zip")
    export("--compress", "gzip")
    name = todays_name()
    assert sorted(path.name for path in folder.iterdir()) == [name, f"{name}.gz", f"{name}.zip"]


def test_the_last_line_has_rows_bytes_and_seconds(folder):
    said, _ = export("-o", "books.csv")
    size = (folder / "books.csv").stat().st_size
    assert re.fullmatch(rf"Wrote 3 books, {size:,} bytes, in \d+\.\d s to books.csv.\n", said)


def test_it_can_be_silent(folder):
    assert export("-o", "books.csv", "-v0") == ("", None)
    assert (folder / "books.csv").exists()


def test_a_dash_is_standard_output(client, folder):
    said = io.StringIO()
    call_command("export_books", "-o", "-", stdout=said, stderr=io.StringIO())
    assert said.getvalue().encode() == client.get("/books/download/").getvalue()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("how", ["zip", "gzip"])
def test_a_compressed_file_unpacks_to_the_same_bytes(client, folder, how):
    export("-o", "packed", "--compress", how)
    packed, expected = folder / "packed", client.get("/books/download/").getvalue()
    if how == "zip":
        with zipfile.ZipFile(packed) as archive:
            name = todays_name()
            assert archive.namelist() == [name]
            assert archive.testzip() is None
            assert archive.getinfo(name).date_time[:1] >= (2026,)  # not 1980, which is what zip files begin with
            assert archive.read(name) == expected
    else:
        assert gzip.decompress(packed.read_bytes()) == expected


def test_an_existing_file_is_kept_unless_forced(folder):
    (folder / "books.csv").write_text("mine")
    with pytest.raises(CommandError, match=r"books.csv exists.*--force"):
        export("-o", "books.csv")
    assert (folder / "books.csv").read_text() == "mine"
    (folder / "books.csv").chmod(0o600)
    export("-o", "books.csv", "--force")
    assert (folder / "books.csv").read_bytes().startswith(b"title,author")
    assert (folder / "books.csv").stat().st_mode & 0o777 == 0o600
    assert len(list(folder.iterdir())) == 1


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_link_stays_a_link(folder):
    (folder / "today.csv").write_text("old")
    (folder / "latest.csv").symlink_to("today.csv")
    export("-o", "latest.csv", "--force")
    assert (folder / "latest.csv").is_symlink()
    assert (folder / "today.csv").read_bytes().startswith(b"title,author")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--genre", "cookery"], "--genre: .*cookery"),
        (["--genre", "cook\nery"], "--genre: .*cook ery"),
        (["--published-from", "yesterday"], "--published-from: "),
        (["--published-from=2002-01-01", "--published-to=2001-01-01"], "--published-to: "),
        (["--q", "a" * 201], "--q: "),
        (["-o", "nowhere/books.csv"], "no folder .*nowhere"),
        (["-o", ".", "--force"], "is no file"),
        (["-o", "x" * 300], "name too long"),
        (["-o", ""], "-o: the name of a file"),
        (["-o", "folder/"], "-o: the name of a file"),
        (["-o", "a\0b"], "null (byte|character)"),
        (["--q", "half a letter: \udcff"], "was not written"),
        (["--compress", "rar"], "--compress"),
        (["-o", "-", "--compress", "zip"], "Name a file"),
    ],
)
def test_a_bad_value_is_one_clear_line_and_no_file(folder, arguments, said):
    export("-o", "good.csv")
    with pytest.raises(CommandError, match=f"(?i){said}") as error:
        export(*arguments)
    assert len(str(error.value).splitlines()) == 1
    assert [path.name for path in folder.iterdir()] == ["good.csv"]


def test_a_way_to_compress_that_it_does_not_know_is_refused_from_python_too(folder):
    export(output="good.csv", compress=None)
    with pytest.raises(CommandError, match="'bz2' is none of zip, gzip"):
        export(output="books.csv.bz2", compress="bz2")
    assert [path.name for path in folder.iterdir()] == ["good.csv"]


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_links_that_lead_nowhere_are_kept(folder):
    export("-o", "good.csv")
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to("one")
    with pytest.raises(CommandError, match="It is no file"):
        export("-o", "one")
    assert sorted(path.name for path in folder.iterdir()) == ["good.csv", "one", "two"]


def test_a_database_error_leaves_the_old_file_as_it_was(folder):
    export("-o", "books.csv")
    before = (folder / "books.csv").read_bytes()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE library_book RENAME TO elsewhere")
    with pytest.raises(CommandError, match=r"books\.csv was not written. The database says: ") as error:
        export("-o", "books.csv", "--force")
    assert len(str(error.value).splitlines()) == 1
    assert (folder / "books.csv").read_bytes() == before
    assert len(list(folder.iterdir())) == 1
