"""Exercise 07a: an export can be deleted, and its file goes too."""

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from exports.models import Export

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def user():
    return User.objects.create_user("reader")


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


@pytest.fixture
def export(user, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    export = Export.objects.create(owner=user)
    assert export.claim() and export.finish(ContentFile(b"a,b"), rows=1)
    return export


def test_the_owner_deletes_the_export(reader, export):
    answer = reader.post(f"/exports/{export.pk}/delete/")
    assert (answer.status_code, answer["Location"]) == (302, "/exports/")
    assert not Export.objects.exists()


def test_another_user_gets_a_404(client, export):
    client.force_login(User.objects.create_user("other"))
    assert client.post(f"/exports/{export.pk}/delete/").status_code == 404
    client.logout()
    answer = client.post(f"/exports/{export.pk}/delete/")
    assert answer.status_code == 302 and answer["Location"].startswith("/login/")
    assert Export.objects.exists()


def test_a_get_request_deletes_nothing(reader, export):
    assert reader.get(f"/exports/{export.pk}/delete/").status_code == 405
    assert Export.objects.exists()


def test_the_file_is_deleted_too(reader, export):
    reader.post(f"/exports/{export.pk}/delete/")
    assert not default_storage.exists(export.file.name)


def test_a_librarian_deletes_the_file_too(admin_client, export):
    selected = {"action": "delete_selected", "_selected_action": [str(export.pk)], "post": "yes"}
    admin_client.post("/admin/exports/export/", selected)
    assert not Export.objects.exists() and not default_storage.exists(export.file.name)


def test_the_file_stays_if_the_transaction_is_rolled_back(export):
    with transaction.atomic():
        Export.objects.all().delete()
        transaction.set_rollback(True)
    assert Export.objects.exists() and default_storage.exists(export.file.name)


def test_an_export_without_a_file_can_be_deleted(reader, user):
    export = Export.objects.create(owner=user)
    assert reader.post(f"/exports/{export.pk}/delete/").status_code == 302
    assert not Export.objects.exists()
