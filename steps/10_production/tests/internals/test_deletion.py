"""An export's file goes with its row, and not before."""

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile

from exports.models import Export


@pytest.mark.django_db
def test_a_deletion_that_is_rolled_back_costs_no_file(settings, django_capture_on_commit_callbacks):
    """As when somebody with a hundred exports is deleted, and the database goes away before the end."""
    settings.STORAGES = {**settings.STORAGES, "exports": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
    export = Export.objects.create(owner=User.objects.create_user("reader"))
    assert export.claim() and export.finish(ContentFile(b"title"), 0)
    storage, name = export.file.storage, export.file.name
    with django_capture_on_commit_callbacks() as callbacks:
        export.delete()
        assert storage.exists(name)
    for callback in callbacks:
        callback()
    assert not storage.exists(name)
