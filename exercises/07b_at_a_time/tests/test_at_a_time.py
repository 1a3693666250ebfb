"""Exercise 07b: each user has a limited number of exports at a time."""

import pytest
from django.contrib.auth.models import User

from exports.models import Export
from tests.exporting import NEW

pytestmark = pytest.mark.django_db  # the transaction of a test isn't committed, so no process starts


@pytest.fixture
def reader(client):
    client.force_login(User.objects.create_user("reader"))
    return client


def statuses(client, number):
    return [client.post(f"{NEW}?q=number+{each}").status_code for each in range(number)]


def test_one_too_many_is_a_429_and_records_nothing(reader):
    assert statuses(reader, 2) == [302, 302]
    refused = reader.post(NEW)
    assert refused.status_code == 429 and int(refused["Retry-After"]) > 0
    assert "2 exports" in refused.content.decode()
    assert Export.objects.count() == 2
    assert reader.get(NEW).status_code == 200


def test_exports_that_have_ended_do_not_count(reader, settings):
    settings.EXPORTS_AT_A_TIME = 1
    assert statuses(reader, 2) == [302, 429]
    Export.objects.update(state="running")
    assert statuses(reader, 1) == [429]
    for state in ("failed", "done"):
        Export.objects.update(state=state)
        assert statuses(reader, 2) == [302, 429]


def test_exports_of_other_users_do_not_count(reader, settings, client):
    settings.EXPORTS_AT_A_TIME = 1
    assert statuses(reader, 2) == [302, 429]
    client.force_login(User.objects.create_user("other"))
    assert statuses(client, 1) == [302]
