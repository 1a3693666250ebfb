"""Exercise 09b: librarians let an export go first."""

import pytest
from django.contrib.auth.models import Permission, User
from django_tasks_db.models import DBTaskResult

from exports.models import Export
from exports.tasks import run_export

pytestmark = pytest.mark.django_db
URL = "/admin/exports/export/"


@pytest.fixture
def exports():
    """Three waiting exports with their tasks, in this order."""
    owner = User.objects.create_user("reader")
    exports = [Export.objects.create(owner=owner) for _ in range(3)]
    for export in exports:
        run_export.enqueue(str(export.pk))
    return exports


@pytest.fixture
def librarian(client):
    """Log in a user who can see exports in the admin. Return this user."""
    librarian = User.objects.create_user("librarian", is_staff=True)
    librarian.user_permissions.add(Permission.objects.get(codename="view_export"))
    client.force_login(librarian)
    return librarian


def allow(librarian):
    permissions = Permission.objects.filter(content_type__app_label="exports", codename="let_go_first")
    librarian.user_permissions.add(*permissions)


def let_go_first(client, *exports):
    return client.post(URL, {"action": "let_go_first", "_selected_action": [str(export.pk) for export in exports]})


def queue():
    """Return the ids of the exports, in the order in which a worker would run their tasks."""
    return [task.args_kwargs["args"][0] for task in DBTaskResult.objects.ready()]


def test_a_librarian_lets_an_export_go_first(client, librarian, exports):
    allow(librarian)
    first, second, third = (str(export.pk) for export in exports)
    assert 'value="let_go_first"' in client.get(URL).content.decode()
    assert queue() == [first, second, third]
    let_go_first(client, exports[2])
    assert queue()[:3] == [third, first, second]


def test_only_waiting_exports_are_enqueued_again(client, librarian, exports):
    allow(librarian)
    waiting, running, done = exports
    Export.objects.filter(pk=running.pk).update(state="running")
    Export.objects.filter(pk=done.pk).update(state="done")
    before = queue()
    let_go_first(client, *exports)
    assert queue() == [str(waiting.pk), *before]


def test_without_the_permission_there_is_no_such_action(client, librarian, exports):
    before = queue()
    assert 'value="let_go_first"' not in client.get(URL).content.decode()
    let_go_first(client, exports[2])
    assert queue() == before
    allow(librarian)
    assert 'value="let_go_first"' in client.get(URL).content.decode()
