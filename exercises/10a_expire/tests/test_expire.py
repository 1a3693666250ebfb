"""Exercise 10a: a librarian lets files expire."""

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.test import Client

from exports.models import Export

pytestmark = pytest.mark.django_db


@pytest.fixture
def exports(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    owner = User.objects.create_user("reader")
    made = [Export.objects.create(owner=owner, filters={"q": str(number)}) for number in range(4)]
    for export in made[:2]:
        export.finish(export.claim(), ContentFile(b"abc"), rows=1)
    made[2].fail(made[2].claim(), "No.")
    return made


def press(client, exports):
    chosen = {"action": "expire_now", "_selected_action": [str(export.pk) for export in exports]}
    return client.post("/admin/exports/export/", chosen, follow=True)


def states(exports):
    return [Export.objects.get(pk=export.pk).state for export in exports]


def librarian(*permissions):
    user = User.objects.create_user(f"librarian{len(permissions)}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    assert user.user_permissions.count() == len(permissions)
    client = Client()
    client.force_login(user)
    return client


def test_the_selected_exports_expire(admin_client, exports, tmp_path):
    assert press(admin_client, exports[:1]).status_code == 200
    assert states(exports) == ["expired", "done", "failed", "waiting"]
    assert [path.name for path in tmp_path.rglob("*.csv")] == [f"{exports[1].pk}-1.csv"]


def test_other_exports_stay_and_the_message_has_the_number(admin_client, exports):
    page = press(admin_client, exports).content.decode()
    assert states(exports) == ["expired", "expired", "failed", "waiting"]
    assert "2 exports" in page


def test_the_action_needs_a_permission(exports):
    press(librarian("view_export"), exports)
    assert states(exports)[:2] == ["done", "done"]
    press(librarian("view_export", "expire_export"), exports)
    assert states(exports)[:2] == ["expired", "expired"]
