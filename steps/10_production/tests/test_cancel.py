"""The buttons on the page of an export: cancel, try again, delete."""

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.files.base import ContentFile

from exports import job
from exports.models import Export
from tests.exporting import ADDRESS, logged_in, post, request_export
from tests.servers import smtp, wait_for
from tests.test_recovery import start_worker


@pytest.fixture
def export(db, settings, tmp_path):
    settings.MEDIA_ROOT, settings.EXPORT_TMP_DIR = tmp_path, tmp_path / "tmp"
    return Export.objects.create(owner=User.objects.create_user("reader", ADDRESS), filters={"genre": "novel"})


@pytest.fixture
def reader(client, export):
    client.force_login(export.owner)
    return client


def press(reader, export, button):
    page = reader.get(export.get_absolute_url()).content.decode()
    assert f'data-test="{button}"' in page
    return reader.post(f"{export.get_absolute_url()}{button}/")


def test_an_export_that_waits_is_never_started(reader, export):
    assert press(reader, export, "cancel")["Location"] == export.get_absolute_url()
    job.run(str(export.pk))
    assert Export.objects.get().state == "cancelled"
    assert mail.outbox == []


# The report is made in write_csv(), so a change of the library needs this test again. One backend is enough for that.
STARTS = pytest.mark.covers("exports", "backends", "config", "tests/exporting.py", "tests/test_recovery.py")


@pytest.mark.server
@pytest.mark.parametrize(
    "backend", [pytest.param("database", marks=STARTS), "subprocess", pytest.param("celery", marks=STARTS)]
)
def test_a_running_export_stops_at_its_next_report(large_library, backend, exit_stack):
    large_library.variables["EXPORT_RUNNER"] = backend
    with smtp() as (url, emails):
        large_library.variables["EMAIL_URL"] = url
        with large_library.site() as site, logged_in(site) as client:
            start_worker(large_library, backend, exit_stack)
            export_id = request_export(client)
            wait_for(lambda: large_library.export(export_id)["rows_done"], "the first books")
            post(client, f"/exports/{export_id}/cancel/")
            row = large_library.export(export_id)
            assert row["state"] == "cancelled" and row["rows_done"] < row["rows_total"]
            other = request_export(client, "?genre=novel&q=island")  # a worker goes on with the next export
            large_library.wait_for_state(other, "done")
            wait_for(lambda: emails, "the email about the other export")
            wait_for(lambda: not large_library.processes(), "the process to end")
            assert large_library.export(export_id) == row
            left = [path.name for path in large_library.files() if path.suffix == ".csv"]
            assert left == [f"{other}-1.csv"]
    assert len(emails) == 1


def test_an_export_that_has_ended_stays_as_it_is(reader, export):
    export.finish(export.claim(), ContentFile(b"abc"), rows=1)
    assert reader.post(f"{export.get_absolute_url()}cancel/")["Location"] == export.get_absolute_url()
    assert Export.objects.get().state == "done"


def test_try_again_is_a_new_export_with_the_same_filters(reader, export):
    export.fail(export.claim(), "No.")
    answer = press(reader, export, "retry")
    assert answer["Location"] != export.get_absolute_url()
    new = Export.objects.get(pk=answer["Location"].split("/")[2])
    assert (new.filters, new.token) == ({"genre": "novel"}, 0)


def test_delete_removes_the_file_too(reader, export, tmp_path):
    export.finish(export.claim(), ContentFile(b"abc"), rows=1)
    press(reader, export, "delete")
    assert not Export.objects.exists()
    assert list(tmp_path.rglob("*.csv")) == []


def test_an_active_export_cannot_be_deleted(reader, export):
    assert reader.post(f"{export.get_absolute_url()}delete/").status_code == 404
    assert Export.objects.exists()
    export.cancel()
    assert reader.post(f"{export.get_absolute_url()}delete/")["Location"] == "/exports/"
    assert not Export.objects.exists()
