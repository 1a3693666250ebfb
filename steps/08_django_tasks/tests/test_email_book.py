"""`manage.py email_book`, with a real web server instead of Open Library and a real mail server."""

import json
import re

import pytest
from django.core.management import CommandError, call_command

from tests.servers import free_port, http, manage, smtp

pytestmark = [pytest.mark.services, pytest.mark.covers("library/management/commands/email_book.py", "config/mail.py")]

ISBN, ADDRESS = "9780140328721", "reader@example.com"
KNOWN = {
    f"ISBN:{ISBN}": {
        "title": "Fantastic\nMr. Fox",
        "authors": [{"name": "Roald Dahl"}],
        "publish_date": "October 1, 1988",
        "url": "https://openlibrary.org/books/OL7353617M/Fantastic_Mr._Fox",
    }
}


def email_book(*arguments, library, mail_server):
    variables = {"OPEN_LIBRARY_URL": library, "EMAIL_URL": mail_server}
    return manage("sqlite://:memory:", "email_book", *arguments, variables=variables)


def library(body, status=200, asked=None):
    def answer(path):
        if asked is not None:
            asked.append(path)
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()

    return http(answer)


def test_the_email_has_the_books_details():
    asked = []
    with library(KNOWN, asked=asked) as url, smtp() as (mail_server, mails):
        done = email_book("0-14-032872-6", ADDRESS, library=url, mail_server=mail_server)
    assert (done.returncode, done.stderr) == (0, "")
    assert asked == [f"/api/books?bibkeys=ISBN%3A{ISBN}&jscmd=data&format=json"]
    (mail,) = mails
    assert (mail["To"], mail["Subject"], mail["Auto-Submitted"]) == (ADDRESS, "Fantastic Mr. Fox", "auto-generated")
    assert mail.get_content().splitlines() == [
        "Fantastic Mr. Fox",
        "by Roald Dahl",
        "October 1, 1988",
        "https://openlibrary.org/books/OL7353617M/Fantastic_Mr._Fox",
    ]


@pytest.mark.parametrize(
    "isbn, address, body, status, said",
    [
        (ISBN, ADDRESS, {}, 200, f"doesn't have a book with the ISBN {ISBN}"),
        (ISBN, ADDRESS, b"<html>Sorry</html>", 200, "an answer that this command can't read"),
        (ISBN, ADDRESS, b"\xff\xfe", 200, "an answer that this command can't read"),
        (ISBN, ADDRESS, [1, 2], 200, "an answer that this command can't read"),
        (ISBN, ADDRESS, {f"ISBN:{ISBN}": {"authors": "?"}}, 200, "an answer that this command can't read"),
        (ISBN, ADDRESS, KNOWN, 503, "didn't answer: .*503"),
        ("9780140328722", ADDRESS, KNOWN, 200, "is not a valid ISBN"),
        (ISBN, "nobody", KNOWN, 200, "is not a valid email address"),
        (ISBN, "a@example.com\nBcc: b@example.com", KNOWN, 200, "is not a valid email address"),
    ],
)
def test_each_error_is_one_line_and_no_email(isbn, address, body, status, said):
    with library(body, status) as url, smtp() as (mail_server, mails):
        done = email_book(isbn, address, library=url, mail_server=mail_server)
        refused_with(done, said)
    assert mails == []


def test_without_a_network_the_error_is_one_line():
    with smtp() as (mail_server, mails):
        done = email_book(ISBN, ADDRESS, library=f"http://127.0.0.1:{free_port()}", mail_server=mail_server)
        refused_with(done, "didn't answer: .*refused")
    assert mails == []


def test_without_a_mail_server_the_error_is_one_line():
    with library(KNOWN) as url:
        done = email_book(ISBN, ADDRESS, library=url, mail_server=f"smtp://127.0.0.1:{free_port()}")
        refused_with(done, "The email could not be sent: .*refused")


def test_when_the_folder_for_emails_cannot_be_created_the_error_is_one_line(tmp_path):
    (tmp_path / "data").write_text("a file")
    with library(KNOWN) as url:
        variables = {"OPEN_LIBRARY_URL": url, "DATA_DIR": tmp_path / "data"}
        done = manage("sqlite://:memory:", "email_book", ISBN, ADDRESS, variables=variables)
    refused_with(done, "The email could not be sent: ")


@pytest.mark.parametrize(
    "url",
    [
        "smtp://127.0.0.1:port",
        "smtp://[::1",
        "http://127.0.0.1",
        "localhost:25",
        "submission://library:2024#secret@mail.example.com",
        "submission://library:2024/secret@mail.example.com",
        "submission://library:?2024@mail.example.com",
    ],
)
def test_an_invalid_email_url_is_refused(url):
    done = email_book(ISBN, ADDRESS, library="http://127.0.0.1", mail_server=url)
    assert done.returncode != 0
    assert "EMAIL_URL must look like submission://" in done.stderr.splitlines()[-2]


def test_a_title_that_the_terminal_cannot_show_is_not_an_error():
    """The email has been sent, and an exit code other than 0 would make cron send it again."""
    book = {f"ISBN:{ISBN}": {"title": "Der Prozeß"}}
    with library(book) as url, smtp() as (mail_server, mails):
        variables = {"OPEN_LIBRARY_URL": url, "EMAIL_URL": mail_server, "PYTHONIOENCODING": "ascii"}
        done = manage("sqlite://:memory:", "email_book", ISBN, ADDRESS, variables=variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(mails) == 1


def test_by_default_each_email_is_a_file(tmp_path):
    with library(KNOWN) as url:
        variables = {"OPEN_LIBRARY_URL": url, "DATA_DIR": tmp_path}
        done = manage("sqlite://:memory:", "email_book", ISBN, ADDRESS, variables=variables)
    assert done.returncode == 0, done.stderr
    (mail,) = (tmp_path / "mail").iterdir()
    assert f"To: {ADDRESS}" in mail.read_text()


def refused_with(done, said):
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(rf"CommandError: .*{said}.*\n", done.stderr)


def test_ctrl_c_is_one_line(monkeypatch):
    def stopped(isbn):
        raise KeyboardInterrupt

    monkeypatch.setattr("library.management.commands.email_book.fetch", stopped)
    with pytest.raises(CommandError, match="Stopped"):
        call_command("email_book", "9780316769488", "reader@example.com")


@pytest.mark.server
def test_it_needs_no_database(tmp_path):
    done = manage(tmp_path / "no folder" / "db.sqlite3", "email_book", "123", "reader@example.com")
    assert (done.returncode, done.stderr) == (1, "CommandError: 123 is not a valid ISBN (wrong check digit).\n")
