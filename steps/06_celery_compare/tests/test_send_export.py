"""`send_export` writes the file and emails it: attached, zipped, or as a link."""

import io
import os
import re
import zipfile
from datetime import date
from smtplib import SMTPException

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.core.signing import TimestampSigner
from django.utils import timezone

from exports import job
from library.factories import BookFactory, awkward_books
from library.filter_options import add_filter_options, filter_options, filters_from
from tests.exporting import ADDRESS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def books(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    BookFactory.create_batch(20, genre="novel")
    BookFactory(genre="crime", title="=1+1")
    for book in awkward_books():
        book.author.save()
        book.save()


@pytest.fixture
def download(client):
    """The bytes of the download of all novels."""
    return client.get("/books/download/", {"genre": "novel"}).getvalue()


def sent(**filters):
    job.send_export(ADDRESS, filters)
    (email,) = mail.outbox
    assert email.to == [ADDRESS]
    return email


def link_in(email):
    return re.search(r"http://127.0.0.1:8000(/exports/file/\S+)", email.body).group(1)


def test_a_small_file_is_attached(download):
    email = sent(genre="novel")
    ((name, content, kind),) = email.attachments
    assert (name, content) == (f"books-{timezone.localdate()}.csv", download)
    assert kind == "application/octet-stream"
    assert email.subject == f"Your export of {download.count(b',979')} books"
    assert email.extra_headers["Auto-Submitted"] == "auto-generated"
    email.body.encode("ascii")  # so that mail servers without 8BITMIME accept it


def test_a_file_that_only_fits_as_a_zip_is_zipped(settings, download):
    settings.EXPORT_MAIL_LIMIT = 4_000 + len(download)
    ((name, content, _),) = sent(genre="novel").attachments
    assert name == f"books-{timezone.localdate()}.csv.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (member,) = archive.namelist()
        assert (member, archive.read(member)) == (name.removesuffix(".zip"), download)


@pytest.mark.parametrize("year", [1975, 2200])
def test_a_wrong_clock_is_no_reason_to_fail(tmp_path, year):
    path = tmp_path / "books.csv"
    path.write_text("x")
    seconds = (date(year, 6, 1) - date(1970, 1, 1)).total_seconds()
    os.utime(path, (seconds, seconds))
    assert zipfile.is_zipfile(job.zip_file(path))


def test_a_file_that_is_too_large_is_a_link_that_works_without_a_login(client, settings, download):
    settings.EXPORT_MAIL_LIMIT = 4_100
    email = sent(genre="novel")
    assert email.attachments == []
    answer = client.get(link_in(email))
    assert answer.getvalue() == download
    assert re.match(r'attachment; filename="books-\d{4}-\d\d-\d\d.*\.csv"', answer["Content-Disposition"])


def test_a_link_that_was_changed_or_is_too_old_is_not_found(client, settings):
    settings.EXPORT_MAIL_LIMIT = 4_100
    link = link_in(sent())
    settings.EXPORT_RETENTION_DAYS = 3
    assert client.get(link).getvalue()
    assert client.get(link[:-3] + "xx/").status_code == 404
    token = link.removeprefix("/exports/file/").rstrip("/")
    other = TimestampSigner(salt="another purpose").sign(token.partition(":")[0])
    assert client.get(f"/exports/file/{other}/").status_code == 404
    settings.EXPORT_RETENTION_DAYS = 0
    expired = client.get(link)
    assert expired.status_code == 404 and "no longer valid" in expired.content.decode()


def test_a_link_to_a_file_that_is_gone_is_not_found(client, settings, tmp_path):
    settings.EXPORT_MAIL_LIMIT = 4_100
    link = link_in(sent())
    (file,) = (tmp_path / "exports").iterdir()
    file.unlink()
    assert client.get(link).status_code == 404


def test_an_invalid_filter_sends_nothing():
    with pytest.raises(ValidationError) as refused:
        job.send_export(ADDRESS, {"genre": "cookery"})
    assert list(refused.value.message_dict) == ["genre"]
    assert mail.outbox == []


def test_the_command_sends_the_same(download):
    output = io.StringIO()
    call_command("send_export", f"--to={ADDRESS}", "--genre=novel", stdout=output)
    assert output.getvalue() == f"Sent to {ADDRESS}.\n"
    assert mail.outbox[0].attachments[0].content == download


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--to=nobody"], "'nobody' is not a valid email address."),
        ([f"--to={ADDRESS}", "--genre=cookery"], "--genre: .*cookery"),
        ([f"--to={ADDRESS}", "--published-from=yesterday"], "--published-from: "),
        ([], "--to"),
    ],
)
def test_an_invalid_option_is_one_line(arguments, message):
    with pytest.raises(CommandError, match=message) as error:
        call_command("send_export", *arguments)
    assert len(str(error.value).splitlines()) == 1
    assert mail.outbox == []


@pytest.mark.parametrize("error", [SMTPException("no"), OSError("no")])
def test_an_email_that_cannot_be_sent_is_one_line(monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr("django.core.mail.EmailMessage.send", fail)
    with pytest.raises(CommandError, match=f"The export could not be sent to {ADDRESS}: no"):
        call_command("send_export", f"--to={ADDRESS}")


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"q": "-x --to=y", "genre": "novel"},
        {"q": "a b\n'\"$;", "published_from": "2001-01-01", "published_to": "2002-01-01"},
    ],
)
def test_filters_survive_the_way_through_the_command_line(filters):
    parser = BaseCommand().create_parser("manage.py", "test")
    add_filter_options(parser)
    assert filters_from(vars(parser.parse_args(filter_options(filters)))) == filters
