"""`prune_exports` deletes files that are old enough, and what killed workers have left."""

import os
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.utils import timezone

from exports import job
from exports.models import Export
from tests.exporting import ADDRESS

pytestmark = pytest.mark.django_db


@pytest.fixture
def export(settings, tmp_path):
    settings.MEDIA_ROOT, settings.EXPORT_TMP_DIR = tmp_path, tmp_path / "tmp"
    export = Export.objects.create(owner=User.objects.create_user("reader", ADDRESS))
    export.finish(export.claim(), ContentFile(b"abc"), rows=1)
    return export


def prune(capsys):
    call_command("prune_exports")
    return capsys.readouterr().out


def test_a_file_is_kept_for_some_days_and_then_its_page_says_that_it_is_gone(
    client, export, capsys, tmp_path, settings
):
    assert export.expires_at - export.finished_at < timedelta(days=settings.EXPORT_RETENTION_DAYS, seconds=1)
    assert prune(capsys) == "0 exports expired, 0 leftover files deleted.\n"
    Export.objects.update(expires_at=timezone.now())
    assert prune(capsys) == "1 exports expired, 0 leftover files deleted.\n"
    assert list(tmp_path.rglob("*.csv")) == []
    client.force_login(export.owner)
    page = client.get(export.get_absolute_url()).content.decode()
    assert "Expired" in page and "The file has expired" in page and "Try again" in page
    assert client.get(f"{export.get_absolute_url()}download/").status_code == 410


def test_what_killed_workers_have_left_is_deleted_when_it_is_a_day_old(export, capsys, tmp_path):
    old, new = tmp_path / "exports" / "old.csv", tmp_path / "exports" / "new.csv"
    folders = tmp_path / "tmp" / "export-old", tmp_path / "tmp" / "export-new"
    for path in (old, new):
        path.write_text("x")
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "books.csv").write_text("x")
    for path in (old, folders[0], tmp_path / export.file.name):
        os.utime(path, (time.time() - 90_000, time.time() - 90_000))
    assert prune(capsys) == "0 exports expired, 2 leftover files deleted.\n"
    assert not old.exists() and new.exists() and [folder.exists() for folder in folders] == [False, True]
    assert (tmp_path / export.file.name).exists()


def test_the_row_of_an_export_is_kept_for_a_year(export, capsys):
    Export.objects.update(finished_at=timezone.now() - timedelta(days=364), expires_at=timezone.now())
    prune(capsys)
    assert Export.objects.exists()
    Export.objects.update(finished_at=timezone.now() - timedelta(days=366))
    prune(capsys)
    assert not Export.objects.exists()


def test_a_row_is_kept_as_long_as_its_file(export, capsys, tmp_path):
    a_year_ago = timezone.now() - timedelta(days=366)
    Export.objects.update(finished_at=a_year_ago, expires_at=timezone.now() + timedelta(days=1))
    prune(capsys)
    assert Export.objects.exists() and (tmp_path / export.file.name).exists()


def test_an_expired_file_is_not_emailed(export, capsys, mailoutbox):
    Export.objects.update(expires_at=timezone.now())
    prune(capsys)
    job.run(str(export.pk))
    assert mailoutbox == []
    export.delivery.refresh_from_db()
    assert export.delivery.error == "The file expired before the email could be sent."


def test_without_a_folder_there_is_nothing_to_do(settings, tmp_path, capsys):
    settings.MEDIA_ROOT, settings.EXPORT_TMP_DIR = tmp_path / "none", tmp_path / "none"
    assert prune(capsys) == "0 exports expired, 0 leftover files deleted.\n"
