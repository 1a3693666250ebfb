"""Exercise 08a: the place in the queue."""

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from exports.models import Export

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(client):
    client.force_login(User.objects.create_user("reader"))
    return client


def ahead(client, export):
    page = client.get(export.get_absolute_url()).content.decode()
    found = re.search(r'data-test="ahead"[^>]*>\D*(\d+)', page)
    return int(found[1]) if found else None


def new_export(name):
    return Export.objects.create(owner=User.objects.get_or_create(username=name)[0])


def test_it_counts_those_that_wait_before_it(reader):
    first, second, mine = new_export("other"), new_export("other"), new_export("reader")
    new_export("other")
    assert ahead(reader, mine) == 2
    Export.objects.filter(pk=first.pk).update(state="running")
    assert ahead(reader, mine) == 1
    Export.objects.filter(pk=second.pk).update(state="done")
    assert ahead(reader, mine) == 0


@pytest.mark.parametrize("state", ["running", "failed"])
def test_it_says_nothing_of_others(reader, state):
    new_export("other")
    mine = new_export("reader")
    assert ahead(reader, mine) == 1
    Export.objects.filter(pk=mine.pk).update(state=state)
    with CaptureQueriesContext(connection) as queries:
        assert ahead(reader, mine) is None
    assert not any("COUNT(" in query["sql"] for query in queries)
