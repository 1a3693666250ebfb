"""Exercise 10b: a limit for the rate."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from exports.models import Export
from tests.exporting import NEW

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(client, settings):
    settings.EXPORTS_PER_HOUR = 2
    client.force_login(User.objects.create_user("reader"))
    return client


def ask(client, text):
    return client.post(f"{NEW}?q={text}")


def test_one_too_many_says_when_the_next_is_possible(reader):
    assert [ask(reader, number).status_code for number in range(2)] == [302, 302]
    Export.objects.filter(filters={"q": "0"}).update(created_at=timezone.now() - timedelta(minutes=50))
    refused = ask(reader, 3)
    assert refused.status_code == 429
    assert 500 < int(refused["Retry-After"]) <= 600
    assert "2 exports" in refused.content.decode()
    assert Export.objects.count() == 2


def test_an_hour_later_an_export_is_possible(reader):
    assert [ask(reader, number).status_code for number in range(3)] == [302, 302, 429]
    Export.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    assert ask(reader, 4).status_code == 302


def test_cancelling_does_not_help(reader):
    assert [ask(reader, number).status_code for number in range(2)] == [302, 302]
    for export in Export.objects.all():
        reader.post(f"/exports/{export.pk}/cancel/")
    assert ask(reader, 3).status_code == 429


def test_the_same_request_is_no_new_export(reader):
    assert [ask(reader, number).status_code for number in range(3)] == [302, 302, 429]
    assert ask(reader, 0).status_code == 302
    assert Export.objects.count() == 2


def test_other_users_are_not_affected(reader, client):
    assert [ask(reader, number).status_code for number in range(3)] == [302, 302, 429]
    client.force_login(User.objects.create_user("other"))
    assert ask(client, 1).status_code == 302
