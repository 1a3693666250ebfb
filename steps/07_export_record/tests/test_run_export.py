"""`run_export` writes the file of an export, and emails its owner the result, once."""

import io
import os
import random
import smtplib
import time
import tracemalloc
import uuid
import zipfile
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections

from exports import job
from exports.models import Delivery, Export
from library.factories import BookFactory, awkward_books
from tests.exporting import ADDRESS

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_connection(db):
    """Save the progress within the transaction of the test."""
    connections["progress"] = connections["default"]
    yield
    del connections["progress"]


@pytest.fixture(autouse=True)
def books(settings, tmp_path, one_connection):
    settings.MEDIA_ROOT = tmp_path
    BookFactory.create_batch(20, genre="novel")
    BookFactory(genre="crime", title="=1+1")
    for book in awkward_books():
        book.author.save()
        book.save()


@pytest.fixture
def owner():
    return User.objects.create_user("reader", ADDRESS)


@pytest.fixture
def export(owner):
    return Export.objects.create(owner=owner, filters={"genre": "novel"})


@pytest.fixture
def download(client):
    """The bytes of the download of all novels."""
    return client.get("/books/download/", {"genre": "novel"}).getvalue()


def content(export):
    with export.file.open() as file:
        return file.read()


def run(export):
    """Run the export, and return it as it is afterwards."""
    job.run(str(export.pk))
    return Export.objects.get(pk=export.pk)


def test_the_file_has_the_bytes_of_the_download(export, download, tmp_path):
    call_command("run_export", str(export.pk))
    export.refresh_from_db()
    assert (export.state, export.error) == ("done", "")
    assert content(export) == download == (tmp_path / "exports" / f"{export.pk}.csv").read_bytes()
    assert (export.rows_done, export.rows_total, export.size) == (*[download.count(b",979")] * 2, len(download))
    assert export.started_at <= export.finished_at


def test_only_one_of_two_processes_can_claim_an_export(export):
    other = Export.objects.get(pk=export.pk)
    assert export.claim() and not other.claim()
    assert (export.state, other.state) == ("running", "waiting")  # the loser doesn't know why, and doesn't need to


def test_the_file_is_named_after_the_day_in_the_time_zone_of_the_library(export, settings):
    export.created_at = datetime(2026, 11, 26, 21, 12, tzinfo=UTC)
    assert export.name == "books-2026-11-26.csv"
    settings.TIME_ZONE = "Asia/Tokyo"
    assert export.name == "books-2026-11-27.csv"


@pytest.mark.parametrize("state", ["running", "done", "failed"])
def test_an_export_that_is_not_waiting_is_left_as_it_is(export, state):
    Export.objects.update(state=state)
    before = Export.objects.values().get()
    job.run(str(export.pk))
    assert Export.objects.values().get() == before
    assert mail.outbox == []


def test_an_export_that_ended_cannot_end_again(export):
    assert export.claim() and export.fail("No.")
    assert not export.finish(ContentFile(b"abc"), rows=7)
    assert (Export.objects.get().state, Export.objects.get().error) == ("failed", "No.")


def test_an_export_that_was_deleted_leaves_no_file(export, tmp_path, monkeypatch):
    write_csv = job.write_csv

    def delete_first(*arguments, **options):
        Export.objects.all().delete()
        return write_csv(*arguments, **options)

    monkeypatch.setattr(job, "write_csv", delete_first)
    job.run(str(export.pk))
    assert list((tmp_path / "exports").iterdir()) == [] == mail.outbox


def test_the_row_has_the_name_that_the_storage_chose(export, download, tmp_path):
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / f"{export.pk}.csv").write_text("another file")
    export = run(export)
    assert export.file.name != f"exports/{export.pk}.csv" and content(export) == download


def test_the_progress_is_saved_while_the_books_are_written(export, monkeypatch):
    reports = []
    monkeypatch.setattr(job, "REPORT_EVERY", 1)
    monkeypatch.setattr(Export, "report", lambda self, **numbers: reports.append(numbers))
    run(export)
    assert reports[0] == {"rows_total": reports[-1]["rows_done"]}


@pytest.mark.parametrize(
    "error, message",
    [
        (OperationalError("gone"), "The database reported an error. Please try again."),
        (OSError(28, "No space left on device"), "The file could not be saved. Please try again."),
        (RuntimeError("a bug"), "Something went wrong. The error has been logged."),
        (KeyboardInterrupt(), "The export was stopped. Please try again."),
    ],
)
def test_an_error_is_a_sentence_for_the_user_and_a_traceback_in_the_log(export, monkeypatch, caplog, error, message):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(FileSystemStorage, "save", fail)
    with pytest.raises(CommandError, match=f"The export has failed: {message}"):
        call_command("run_export", str(export.pk))
    export.refresh_from_db()
    assert (export.state, export.error, export.file.name) == ("failed", message, "")
    (email,) = mail.outbox
    assert email.subject == "Your export failed" and message in email.body
    assert any(record.exc_info for record in caplog.records)


def test_filters_that_are_no_longer_valid_fail(export):
    Export.objects.update(filters={"genre": "cookery"})
    assert run(export).error == "These filters are no longer valid."


@pytest.mark.parametrize("wrong, message", [(uuid.UUID(int=1), "There is no export"), ("7", "invalid UUID")])
def test_a_wrong_id_is_one_line(wrong, message):
    with pytest.raises(CommandError, match=message) as error:
        call_command("run_export", str(wrong))
    assert len(str(error.value).splitlines()) == 1


# The email


def test_a_small_file_is_attached(export, download):
    export = run(export)
    (email,) = mail.outbox
    assert email.attachments == [(export.name, download, "application/octet-stream")]
    assert email.to == [ADDRESS]
    assert email.subject == f"Your export of {export.rows_done} books"
    assert f"http://127.0.0.1:8000/exports/{export.pk}/" in email.body
    assert email.extra_headers["Auto-Submitted"] == "auto-generated"
    assert export.delivery.claimed_at <= export.delivery.sent_at


def test_a_file_that_only_fits_as_a_zip_is_zipped(export, settings, download):
    settings.EXPORT_MAIL_LIMIT = 4_000 + len(download)
    run(export)
    ((name, content, _),) = mail.outbox[0].attachments
    assert name == f"{export.name}.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == [export.name] and archive.read(export.name) == download


@pytest.mark.parametrize("year", [1975, 2110])
def test_a_wrong_clock_is_no_reason_to_lose_the_email(export, settings, monkeypatch, download, year):
    """A zip file has no dates before 1980 and after 2107."""
    clock, save = datetime(year, 6, 1, tzinfo=UTC), FileSystemStorage.save

    def save_then(storage, *arguments, **options):
        name = save(storage, *arguments, **options)
        os.utime(storage.path(name), (clock.timestamp(), clock.timestamp()))
        return name

    monkeypatch.setattr(FileSystemStorage, "save", save_then)
    monkeypatch.setattr(time, "localtime", lambda *seconds: clock.timetuple())
    settings.EXPORT_MAIL_LIMIT = 4_000 + len(download)
    run(export)
    assert [name for name, *_ in mail.outbox[0].attachments] == [f"{export.name}.zip"]


def test_a_file_that_is_too_large_is_a_link_to_its_page(export, settings):
    settings.EXPORT_MAIL_LIMIT = 4_100
    run(export)
    (email,) = mail.outbox
    assert email.attachments == []
    assert (
        f"too large for an email. Download it here (log in first):\n\nhttp://127.0.0.1:8000/exports/{export.pk}/"
        in (email.body)
    )


def test_a_zip_that_is_too_large_for_an_email_is_not_held_in_memory(export, settings, monkeypatch):
    settings.EXPORT_MAIL_LIMIT = 4_100
    content = random.Random(1).randbytes(8_000_000)  # a zip of it has the same size

    def write(books, file, **options):
        file.write(content)
        return 1

    monkeypatch.setattr(job, "write_csv", write)
    tracemalloc.start()
    try:
        run(export)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < len(content) / 2
    assert mail.outbox[0].attachments == []


def test_the_email_is_sent_once(export):
    export = run(export)
    job.deliver(export)
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("error", [smtplib.SMTPException("no"), OSError("no"), ValueError("no")])
def test_an_email_that_cannot_be_sent_leaves_the_export_done(export, monkeypatch, error):
    def fail(*arguments):
        raise error

    monkeypatch.setattr("django.core.mail.EmailMessage.send", fail)
    export = run(export)
    assert (export.state, export.delivery.sent_at, export.delivery.error) == (
        "done",
        None,
        "The email could not be sent.",
    )


def test_an_export_that_is_deleted_while_its_email_is_sent_leaves_no_row(export, monkeypatch):
    def delete(connection, messages):
        Export.objects.all().delete()
        return len(messages)

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", delete)
    job.run(str(export.pk))
    assert not Delivery.objects.exists()


def test_an_owner_without_an_address_gets_no_email(export):
    User.objects.update(email="")
    export = run(export)
    assert export.state == "done" and export.is_settled and mail.outbox == []


@pytest.mark.parametrize("limit", [10_000_000, 4_100])
def test_the_email_has_ascii_characters_only(export, settings, limit):
    """So every mail server can deliver it, also one that doesn't support 8BITMIME."""
    settings.EXPORT_MAIL_LIMIT = limit
    run(export)
    assert mail.outbox[0].message().as_bytes().isascii()


def test_a_deactivated_owner_gets_no_email(export):
    User.objects.update(is_active=False)
    assert run(export).state == "done"
    assert mail.outbox == []
