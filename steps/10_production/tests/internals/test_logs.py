"""Each line of the log has the id of the export that it is about."""

import threading

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError

from exports.job import heartbeat
from exports.logs import WithExport, about
from exports.models import Export


@pytest.mark.django_db
def test_a_line_of_the_heartbeats_thread_has_it_too(settings, monkeypatch, caplog):
    settings.EXPORT_LEASE, beaten = 0.05, threading.Event()
    export = Export.objects.create(owner=User.objects.create_user("reader"))

    def report(self):
        beaten.set()
        raise DatabaseError

    monkeypatch.setattr(Export, "report", report)
    caplog.handler.addFilter(WithExport())
    with about(export), heartbeat(export):
        assert beaten.wait(20)
    assert {record.export for record in caplog.records} == {str(export.pk)}
