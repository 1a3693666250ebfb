"""`manage.py export_books` writes the file of the download."""

import errno
import io
import os
import re
import stat
import struct
from datetime import date

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from library.atomic_file import atomic_file
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
    """Return today's file name. A test run can begin before midnight and end after it."""
    return f"books-{timezone.localdate()}.csv"


def export(*arguments, **options):
    """Return the command's output and its return value."""
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


def test_by_default_the_file_has_the_name_of_the_download(folder):
    export()
    assert [path.name for path in folder.iterdir()] == [todays_name()]


def test_the_output_has_the_number_of_books_and_the_seconds(folder):
    said, _ = export("-o", "books.csv")
    assert re.fullmatch(r"Wrote 3 books to books.csv in \d+\.\d s.\n", said)


def test_more_books_than_a_spreadsheet_opens_are_a_note(folder, monkeypatch):
    assert "Excel" not in export("-o", "books.csv")[0]
    monkeypatch.setattr("library.management.commands.export_books.SPREADSHEET_ROWS", 3)
    assert "Note: Excel and LibreOffice open only the first 2 books." in export("-o", "books.csv", "--force")[0]


def test_it_can_be_silent(folder):
    assert export("-o", "books.csv", "-v0") == ("", None)
    assert (folder / "books.csv").exists()


def test_a_dash_is_standard_output(client, folder):
    said = io.StringIO()
    call_command("export_books", "-o", "-", stdout=said, stderr=io.StringIO())
    assert said.getvalue().encode() == client.get("/books/download/").getvalue()
    assert list(folder.iterdir()) == []


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


def test_a_file_that_appears_while_the_books_are_written_is_kept(folder):
    with pytest.raises(FileExistsError):
        with atomic_file(folder / "books.csv") as file:
            file.write(b"ours")
            (folder / "books.csv").write_text("theirs")
    assert (folder / "books.csv").read_text() == "theirs"
    assert len(list(folder.iterdir())) == 1


def test_a_private_file_stays_private_while_it_is_replaced(folder):
    (folder / "books.csv").write_text("old")
    (folder / "books.csv").chmod(0o600)
    with atomic_file(folder / "books.csv", force=True):
        (part,) = folder.glob(".export-*.part")
        assert part.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_replaced_file_keeps_its_owner(folder):
    (folder / "books.csv").write_text("old")
    os.chown(folder / "books.csv", 65534, 65534)
    export("-o", "books.csv", "--force")
    assert ((folder / "books.csv").stat().st_uid, (folder / "books.csv").stat().st_gid) == (65534, 65534)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("mode", [0o664, 0o640, 0o600])
@pytest.mark.parametrize("kept, group", [(-1, 65533), (None, None)], ids=["member of the group", "not a member"])
def test_a_file_of_another_user_keeps_its_group_or_loses_the_rights_of_it(folder, monkeypatch, mode, kept, group):
    """A user can change the group of a file to one of their own groups, but never the owner."""
    (folder / "books.csv").write_text("old")
    (folder / "books.csv").chmod(mode)
    os.chown(folder / "books.csv", 65534, 65533)
    chown = os.chown

    def of_a_user(path, owner, its_group):
        if (owner, its_group) != (kept, group):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        chown(path, owner, its_group)

    monkeypatch.setattr(os, "chown", of_a_user)
    export("-o", "books.csv", "--force")
    new = (folder / "books.csv").stat()
    assert (new.st_gid == 65533) == (group is not None)
    assert new.st_mode & 0o777 == (mode if group else mode & ~0o070)


@pytest.mark.parametrize("denied", ["chmod", "chown", "link", "utime", "setxattr"])
def test_a_file_system_that_denies_it_is_not_an_error(folder, monkeypatch, denied):
    def deny(*arguments, **options):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, denied, deny)
    export("-o", "books.csv")
    export("-o", "books.csv", "--force")
    with pytest.raises(CommandError, match="exists"):
        export("-o", "books.csv")
    assert len(list(folder.iterdir())) == 1


def acl(**entries):
    """Return an ACL of Linux: permissions for the tags of acl_ea_entry. `user` is the one with the id 65534."""
    tags = {"owner": 1, "user": 2, "group": 4, "mask": 16, "other": 32}
    ids = {"user": 65534}
    packed = [struct.pack("<HHI", tags[name], may, ids.get(name, 2**32 - 1)) for name, may in entries.items()]
    return struct.pack("<I", 2) + b"".join(packed)


@pytest.mark.parametrize("own", [None, acl(owner=6, user=4, group=0, mask=4, other=0)], ids=["no ACL", "an ACL"])
def test_a_replaced_file_keeps_its_acl_whatever_the_folder_gives_to_new_files(folder, own):
    if not hasattr(os, "setxattr"):
        pytest.skip("only Linux has these ACLs")
    (folder / "books.csv").write_text("old")
    (folder / "books.csv").chmod(0o640)
    try:
        if own:
            os.setxattr(folder / "books.csv", "system.posix_acl_access", own)
        os.setxattr(folder, "system.posix_acl_default", acl(owner=6, user=6, group=6, mask=6, other=0))
    except OSError:
        pytest.skip("this file system has no ACLs")
    export("-o", "books.csv", "--force")
    assert (folder / "books.csv").read_bytes().startswith(b"title,author")
    found = os.listxattr(folder / "books.csv")
    assert ("system.posix_acl_access" in found) == bool(own)
    assert not own or os.getxattr(folder / "books.csv", "system.posix_acl_access") == own
    assert (folder / "books.csv").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_group_where_nothing_can_be_changed_is_replaced(folder, monkeypatch):
    (folder / "books.csv").write_text("old")
    os.chown(folder / "books.csv", 65534, 65533)

    def deny(*arguments, **options):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    for name in ("chmod", "chown"):
        monkeypatch.setattr(os, name, deny)
    export("-o", "books.csv", "--force")
    assert (folder / "books.csv").read_bytes().startswith(b"title,author")
    assert (folder / "books.csv").stat().st_mode & 0o077 == 0


def test_without_memory_it_is_one_line_and_no_file(folder, monkeypatch):
    def fail(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr("library.management.commands.export_books.write_csv", fail)
    with pytest.raises(CommandError, match=r"^books.csv can't be written: no memory is left\.$"):
        export("-o", "books.csv")
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="Windows can't open a folder")
def test_after_a_power_cut_the_data_and_the_name_of_the_file_are_on_the_disk(folder, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_mode))
    export("-o", "books.csv")
    assert [stat.S_ISDIR(mode) for mode in synced] == [False, True]  # the file, and then its folder


@pytest.mark.skipif(os.name != "posix", reason="Windows keeps the folder of a process")
def test_a_folder_that_is_gone_is_one_line(folder, monkeypatch):
    (folder / "gone").mkdir()
    monkeypatch.chdir(folder / "gone")
    (folder / "gone").rmdir()
    with pytest.raises(CommandError, match=r"^books.csv can't be written. There is no folder"):
        export("-o", "books.csv")


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
        (["-o", ".", "--force"], "isn't a regular file"),
        (["-o", "x" * 300], "name too long"),
        (["-o", ""], "-o needs the name of a file"),
        (["-o", "folder/"], "-o needs the name of a file"),
        (["-o", "a\0b"], "null (byte|character)"),
        (["--q", "half a letter: \udcff"], "surrogates not allowed"),
    ],
)
def test_an_invalid_value_is_one_line_and_no_file(folder, arguments, said):
    export("-o", "good.csv")
    with pytest.raises(CommandError, match=f"(?i){said}") as error:
        export(*arguments)
    assert len(str(error.value).splitlines()) == 1
    assert [path.name for path in folder.iterdir()] == ["good.csv"]


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_links_to_each_other_are_kept(folder):
    export("-o", "good.csv")
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to("one")
    with pytest.raises(CommandError, match="isn't a regular file"):
        export("-o", "one")
    assert sorted(path.name for path in folder.iterdir()) == ["good.csv", "one", "two"]


def test_a_database_error_leaves_the_old_file_as_it_was(folder):
    export("-o", "books.csv")
    before = (folder / "books.csv").read_bytes()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE library_book RENAME TO elsewhere")
    with pytest.raises(CommandError, match=r"books\.csv was not written. The database says: .*migrate") as error:
        export("-o", "books.csv", "--force")
    assert len(str(error.value).splitlines()) == 1
    assert (folder / "books.csv").read_bytes() == before
    assert len(list(folder.iterdir())) == 1
