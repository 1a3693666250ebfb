"""`prune_exports` when the storage has a problem with one of its files."""

import uuid
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from exports.management.commands import prune_exports


@pytest.mark.django_db
def test_one_file_that_cannot_be_asked_about_keeps_no_other_from_being_deleted(settings, tmp_path, monkeypatch):
    settings.EXPORT_TEMP = settings.EXPORT_LOGS = tmp_path
    gone, left = (f"{uuid.uuid4()}-1.csv" for _ in range(2))
    deleted = []

    class Storage:
        def listdir(self, path):
            return [], [gone, left]

        def get_modified_time(self, name):
            if name == gone:  # its owner was faster
                raise FileNotFoundError(name)
            return timezone.now() - timedelta(days=2)

        delete = deleted.append

    monkeypatch.setattr(prune_exports, "export_storage", Storage)
    call_command("prune_exports", verbosity=0)
    assert deleted == [left]
