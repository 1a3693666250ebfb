"""Exercise 07a: an export can be deleted."""

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile

from exports.models import Export

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reader(client):
    client.force_login(User.objects.create_user("reader"))
    return client


@pytest.fixture
def export(reader):
    export = Export.objects.create(owner=User.objects.get(), state="done", size=3)
    export.file.save(f"{export.pk}.csv", ContentFile(b"a,b"))
    yield export
    export.file.storage.delete(f"{export.pk}.csv")


def test_the_owner_deletes_it_with_its_file(reader, export):
    answer = reader.post(f"/exports/{export.pk}/delete/")
    assert (answer.status_code, answer["Location"]) == (302, "/exports/")
    assert not Export.objects.exists()
    assert not export.file.storage.exists(export.file.name)


def test_nobody_else_can(reader, export, client):
    client.force_login(User.objects.create_user("other"))
    assert client.post(f"/exports/{export.pk}/delete/").status_code == 404
    client.logout()
    answer = client.post(f"/exports/{export.pk}/delete/")
    assert answer.status_code == 302 and answer["Location"].startswith("/login/")
    assert Export.objects.exists()


def test_a_link_deletes_nothing(reader, export):
    assert reader.get(f"/exports/{export.pk}/delete/").status_code == 405
    assert Export.objects.exists()
