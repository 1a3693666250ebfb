"""Exercise 09a: the owner starts a failed export again."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.files.base import ContentFile
from django.db import connections
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from exports import job, reaper
from exports.models import Delivery, Export, LeaseLost
from library.factories import BookFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_connection(db, settings, tmp_path):
    """Save the progress within the transaction of the test."""
    settings.MEDIA_ROOT = tmp_path
    connections["progress"] = connections["default"]
    yield
    del connections["progress"]


@pytest.fixture
def export(client):
    """A running export of the user who is logged in, at its last try."""
    BookFactory.create_batch(3)
    owner = User.objects.create_user("reader", "reader@example.com")
    client.force_login(owner)
    export = Export.objects.create(owner=owner, tries_left=1)
    export.claim()
    return export


def again(client, export):
    return client.post(f"/exports/{export.pk}/again/")


def page_of(client, export):
    return client.get(export.get_absolute_url()).content.decode()


def test_a_failed_export_is_started_again(client, export):
    export.fail(1, "No.")
    assert 'data-test="again"' in page_of(client, export)
    assert again(client, export)["Location"] == export.get_absolute_url()
    again(client, export)  # a double click
    assert DBTaskResult.objects.count() == 1
    export.refresh_from_db()
    assert (export.state, export.tries_left, export.error, export.finished_at) == ("waiting", 5, "", None)
    assert reaper.reap() == (0, 0)  # the task has time to start
    assert 'data-test="again"' not in page_of(client, export)
    job.run(str(export.pk))
    export.refresh_from_db()
    assert (export.state, export.rows_done) == ("done", 3)


def test_only_the_owner_can_start_a_failed_export_again(client, export):
    export.fail(1, "No.")
    assert client.get(f"/exports/{export.pk}/again/").status_code == 405
    client.force_login(User.objects.create_user("other"))
    assert again(client, export).status_code == 404
    client.logout()
    assert "/login/" in again(client, export)["Location"]
    assert not DBTaskResult.objects.exists()


@pytest.mark.parametrize("state", ["waiting", "running", "done"])
def test_an_export_that_has_not_failed_stays_as_it_is(client, export, state):
    export.fail(1, "No.")
    assert again(client, export).status_code == 302
    DBTaskResult.objects.all().delete()
    Export.objects.update(state=state)
    before = Export.objects.values().get()
    again(client, export)
    assert Export.objects.values().get() == before and not DBTaskResult.objects.exists()


def test_a_process_that_comes_back_changes_nothing(client, export):
    old = Export.objects.get()  # this process is suspended now
    Export.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert reaper.reap() == (1, 0)
    again(client, export)
    new = Export.objects.get()
    token = new.claim()
    assert token == 2
    with pytest.raises(LeaseLost):
        old.report(1, rows_done=1)
    with pytest.raises(LeaseLost):
        old.finish(1, ContentFile(b"old"), rows=1)
    assert not old.fail(1, "No.")
    new.finish(token, ContentFile(b"new"), rows=2)
    with Export.objects.get().file.open() as file:
        assert file.read() == b"new"


def test_the_new_end_has_its_own_email(client, export):
    export.fail(1, "No.")
    delivery = Delivery.objects.get()
    token = delivery.claim()  # this process is still sending the email about the failure
    again(client, export)
    assert not delivery.end(token)
    job.run(str(export.pk))
    (email,) = mail.outbox
    assert email.subject == "Your export of 3 books"
    assert Delivery.objects.get().sent_at
