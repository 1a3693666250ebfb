"""The pages of an export: its list, its progress, and its file, for the owner only."""

import re
from contextlib import closing
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone

from exports.models import Delivery, Export
from tests.exporting import ADDRESS

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return User.objects.create_user("reader", ADDRESS)


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def export(user):
    return Export.objects.create(owner=user, filters={"q": "secret diary"})


@pytest.fixture
def done(export, settings, tmp_path):
    """The same export, with a file of three bytes."""
    settings.MEDIA_ROOT = tmp_path
    Export.objects.update(state="running")
    assert export.finish(ContentFile(b"abc"), rows=7)
    return export


def page_of(reader, export, **headers):
    answer = reader.get(export.get_absolute_url(), headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def state_of(page):
    return re.search(r'data-test="state"[^>]*>(\w+)<', page).group(1)


def test_the_urls_are_the_contract(export):
    assert reverse("export-list") == "/exports/"
    assert reverse("export-detail", args=[export.pk]) == f"/exports/{export.pk}/"
    assert reverse("export-download", args=[export.pk]) == f"/exports/{export.pk}/download/"


def test_the_list_has_all_exports_of_the_user_the_newest_first(reader, user):
    assert "You have no exports yet" in reader.get("/exports/").content.decode()
    Export.objects.bulk_create(Export(owner=user, filters={"q": f"number-{number}."}) for number in range(60))
    pages = [reader.get("/exports/", {"page": number}).content.decode() for number in (1, 2)]
    assert [page.count('data-test="export-row"') for page in pages] == [50, 10]
    listed = [int(number) for number in re.findall(r"number-(\d+)\.", "".join(pages))]
    assert listed == list(reversed(range(60)))


def test_the_page_shows_the_state_and_the_progress(reader, export):
    assert state_of(page_of(reader, export)) == "Waiting"
    Export.objects.update(state="running", rows_total=40_000, rows_done=30_000)
    page = page_of(reader, export)
    assert state_of(page) == "Running" and "30,000 of 40,000 books" in page
    assert 'value="30000" max="40000"' in page


def test_a_browser_reads_the_progress_if_numbers_have_separators(reader, export, settings):
    settings.USE_THOUSAND_SEPARATOR, settings.LANGUAGE_CODE = True, "de"
    Export.objects.update(state="running", rows_total=40_000, rows_done=30_000)
    assert 'value="30000" max="40000"' in page_of(reader, export)


def test_htmx_gets_only_the_part_that_changes(reader, export):
    page = page_of(reader, export)
    assert f'hx-get="/exports/{export.pk}/" hx-trigger="every 1s"' in page and "<html" in page
    answer = reader.get(export.get_absolute_url(), headers={"HX-Request": "true"})
    part = answer.content.decode()
    assert "<html" not in part and state_of(part) == "Waiting"
    assert "no-store" in answer["Cache-Control"]  # otherwise the Back button shows the part without the page


def test_the_page_stops_asking_when_the_email_has_been_sent(reader, done):
    Delivery.objects.create(export=done)
    page = page_of(reader, done)
    assert "hx-get" in page and f"The email to {ADDRESS} is being sent." in page
    Delivery.objects.update(sent_at=timezone.now())
    page = page_of(reader, done)
    assert "hx-get" not in page and f"We&#x27;ve sent an email to {ADDRESS}" in page.replace("'", "&#x27;")


def test_the_page_stops_asking_if_nothing_sends_an_email(reader, export):
    """The process died before the email."""
    Export.objects.update(state="failed", started_at=timezone.now(), finished_at=timezone.now())
    assert "hx-get" in page_of(reader, export)  # the job may be about to create the Delivery
    Export.objects.update(finished_at=timezone.now() - timedelta(seconds=11))
    page = page_of(reader, export)
    assert "hx-get" not in page and ADDRESS not in page


def test_the_owner_downloads_the_file(reader, done):
    page = page_of(reader, done)
    assert state_of(page) == "Done" and f'href="/exports/{done.pk}/download/" data-test="download"' in page
    answer = reader.get(f"/exports/{done.pk}/download/")
    assert answer.getvalue() == b"abc"
    assert answer["Content-Disposition"] == f'attachment; filename="{done.name}"'
    head = reader.head(f"/exports/{done.pk}/download/")
    head.close()
    assert head["Content-Length"] == "3"


def test_an_export_that_is_not_done_has_no_file(reader, export):
    assert 'data-test="download"' not in page_of(reader, export)
    assert reader.get(f"/exports/{export.pk}/download/").status_code == 404


def test_a_file_that_is_gone_is_not_found(reader, done):
    done.file.storage.delete(done.file.name)
    assert reader.get(f"/exports/{done.pk}/download/").status_code == 404


def test_trap_a_deleted_export_leaves_its_file(done):
    name, storage = done.file.name, done.file.storage
    done.delete()
    assert storage.exists(name)


def test_a_failed_export_says_why(reader, export):
    export.fail("These filters are no longer valid.")
    page = page_of(reader, export)
    assert state_of(page) == "Failed"
    assert 'data-test="error">These filters are no longer valid.</p>' in page


def test_nobody_else_sees_an_export(client, done):
    paths = [done.get_absolute_url(), f"{done.get_absolute_url()}download/"]
    for path in [*paths, "/exports/"]:
        assert client.get(path)["Location"] == f"/login/?next={path}"
    client.force_login(User.objects.create_user("other"))
    for path in paths:
        with closing(client.get(path)) as response:
            assert response.status_code == 404
    assert "secret diary" not in client.get("/exports/").content.decode()


def test_a_librarian_can_read_and_delete_exports_in_the_admin(admin_client, done):
    Delivery.objects.create(export=done, error="The email could not be sent.")
    assert "Done" in admin_client.get("/admin/exports/export/").content.decode()
    page = admin_client.get(f"/admin/exports/export/{done.pk}/change/").content.decode()
    assert "The email could not be sent." in page and 'name="_save"' not in page
    assert admin_client.get("/admin/exports/export/add/").status_code == 403
    admin_client.post(f"/admin/exports/export/{done.pk}/delete/", {"post": "yes"})
    assert not Export.objects.exists()
