"""Exercise 10a: files expire when a librarian says so."""

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile

from exports.models import Export

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def exports(db):
    owner = User.objects.create_user("reader")
    made = []
    for number, state in enumerate(["done", "done", "running", "failed"]):
        export = Export.objects.create(owner=owner, filters={"q": str(number)}, state=state)
        if state == "done":
            export.file.save(f"{export.pk}.csv", ContentFile(b"a,b"))
        made.append(export)
    yield made
    for export in made[:2]:
        export.file.storage.delete(f"{export.pk}.csv")


def press(admin_client, exports):
    chosen = {"action": "expire_now", "_selected_action": [str(export.pk) for export in exports]}
    return admin_client.post("/admin/exports/export/", chosen, follow=True)


def states(exports):
    return [Export.objects.get(pk=export.pk).state for export in exports]


def test_the_chosen_ones_expire(admin_client, exports):
    chosen, other = exports[:2]
    assert press(admin_client, [chosen]).status_code == 200
    assert states(exports) == ["expired", "done", "running", "failed"]
    assert not chosen.file.storage.exists(f"{chosen.pk}.csv")
    assert other.file.storage.exists(f"{other.pk}.csv")


def test_others_stay_and_the_number_is_told(admin_client, exports):
    page = press(admin_client, exports).content.decode()
    assert states(exports) == ["expired", "expired", "running", "failed"]
    assert "2 exports" in page
