"""Exercise 07b: a limit for each reader."""

import pytest
from django.contrib.auth.models import User

from exports.models import Export

pytestmark = pytest.mark.django_db  # whose transactions never commit: no process is started


@pytest.fixture
def reader(client):
    client.force_login(User.objects.create_user("reader"))
    return client


def ask(client, number):
    return client.post("/exports/", {"q": f"number {number}"})


def test_one_too_many_is_a_429_and_no_export(reader):
    assert [ask(reader, number).status_code for number in range(2)] == [302, 302]
    refused = ask(reader, 3)
    assert refused.status_code == 429 and int(refused["Retry-After"]) > 0
    assert "2 exports" in refused.content.decode()
    assert Export.objects.count() == 2


def test_ended_ones_do_not_count(reader, settings):
    settings.EXPORTS_AT_A_TIME = 1
    assert [ask(reader, number).status_code for number in range(2)] == [302, 429]
    for state in ("failed", "done"):
        Export.objects.update(state=state)
        assert ask(reader, state).status_code == 302


def test_others_do_not_count(reader, settings, client):
    settings.EXPORTS_AT_A_TIME = 1
    assert [ask(reader, number).status_code for number in range(2)] == [302, 429]
    client.force_login(User.objects.create_user("other"))
    assert ask(client, 1).status_code == 302
