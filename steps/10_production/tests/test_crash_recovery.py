"""Tokens, leases, and the reaper: an export ends once, whatever dies."""

import socket
import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import OperationalError
from django.db.models import QuerySet
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from config.storage import storage
from exports import job, reaper
from exports.models import Delivery, Export, LeaseLost
from exports.retry import RetryLater, is_transient
from exports.tasks import run_export
from library.factories import BookFactory
from tests.exporting import ADDRESS
from tests.servers import wait_for

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folders(one_connection, settings, tmp_path):
    settings.MEDIA_ROOT, settings.EXPORT_TMP_DIR = tmp_path, tmp_path / "tmp"


@pytest.fixture
def owner():
    return User.objects.create_user("reader", ADDRESS)


@pytest.fixture
def export(owner):
    BookFactory.create_batch(3)
    return Export.objects.create(owner=owner)


def same(export):
    """Return the export as another process sees it."""
    return Export.objects.get(pk=export.pk)


def end_leases():
    """Move all leases to the past, as if their time was over."""
    for model in (Export, Delivery):
        model.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def tasks():
    return list(DBTaskResult.objects.order_by("enqueued_at"))


# The token


def test_a_running_export_can_be_claimed_when_its_lease_is_over(export):
    assert export.claim() == 1
    other = same(export)
    assert other.claim() is None
    end_leases()
    assert other.claim() == 2


def test_a_process_that_comes_back_changes_nothing(export, tmp_path):
    old = export.claim()
    end_leases()
    other = same(export)
    new = other.claim()
    for change in (
        lambda: export.report(old, rows_done=1),
        lambda: export.finish(old, ContentFile(b"old"), rows=1),
    ):
        with pytest.raises(LeaseLost):
            change()
    assert not export.fail(old, "No.") and not export.release(old, seconds=1)
    other.finish(new, ContentFile(b"new"), rows=2)
    assert (same(export).state, same(export).rows_done) == ("done", 2)
    assert [path.read_text() for path in (tmp_path / "exports").iterdir()] == ["new"]


def test_a_process_that_comes_back_does_not_end_an_export_that_waits_again(export):
    old = export.claim()
    end_leases()
    reaper.reap()
    assert not export.fail(old, "No.") and not export.release(old, seconds=1)
    assert same(export).state == "waiting"
    assert same(export).lease_until > timezone.now()


def test_a_process_that_has_read_an_old_token_cannot_claim(export):
    slow = same(export)
    assert export.release(export.claim(), seconds=1)
    assert slow.claim() is None
    assert same(export).claim() == 2


def test_an_export_that_is_deleted_just_before_its_claim_is_left_alone(export, monkeypatch):
    update = QuerySet.update

    def delete_first(self, **values):
        Export.objects.all().delete()
        return update(self, **values)

    monkeypatch.setattr(QuerySet, "update", delete_first)
    job.run(str(export.pk))
    assert mail.outbox == []


def test_a_token_is_never_used_twice(export):
    tokens = []
    for _ in range(4):
        tokens.append(export.claim())
        export.release(tokens[-1], seconds=1)
    Export.objects.update(tries_left=5)  # as an administrator might do
    tokens.append(same(export).claim())
    assert tokens == [1, 2, 3, 4, 5]


def test_a_heartbeat_extends_the_lease(export):
    token = export.claim()
    end_leases()
    export.report(token)
    assert same(export).claim() is None


def test_a_heartbeat_that_cannot_be_saved_does_not_stop_the_job(export, monkeypatch, settings):
    settings.EXPORT_LEASE = 0.05  # seconds
    tried = []

    def fail(self, token):
        tried.append(token)
        raise OperationalError("the database is away")

    token = export.claim()
    monkeypatch.setattr(Export, "report", fail)
    with job.heartbeat(export, token):
        wait_for(lambda: len(tried) >= 3, "three heartbeats")
    assert set(tried) == {1}


def test_a_heartbeat_that_hangs_does_not_hold_the_job(export, monkeypatch, settings):
    """Its connection to the database may be dead."""
    settings.EXPORT_LEASE = 0.05  # seconds
    before, hangs, is_over = threading.enumerate(), threading.Event(), threading.Event()
    monkeypatch.setattr(Export, "report", lambda *arguments: (hangs.set(), is_over.wait(30)))
    with job.heartbeat(export, export.claim()):
        assert hangs.wait(30)
    (thread,) = [each for each in threading.enumerate() if each not in before]  # it still hangs
    is_over.set()
    thread.join()


def test_a_storage_that_does_not_answer_is_an_error_within_a_minute(monkeypatch):
    """It accepts connections, and says nothing. Each timeout lasts a hundredth of its time here."""
    seconds, settimeout = [], socket.socket.settimeout

    def shorten(self, timeout):
        seconds.append(timeout)
        settimeout(self, timeout / 100)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "library")
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{silent.getsockname()[1]}")
        bucket = storages.create_storage(storage("s3://exports"))
        monkeypatch.setattr(socket.socket, "settimeout", shorten)
        with pytest.raises(Exception, match="timeout") as failed:
            bucket.delete("books.csv")
    assert is_transient(failed.value)
    assert 0 < sum(seconds) < 60


# The reaper


def test_an_overdue_export_is_started_again(export):
    assert reaper.reap() == (0, 0)
    export.claim()
    end_leases()
    assert reaper.reap() == (1, 0)
    assert same(export).state == "waiting" and len(tasks()) == 1
    assert reaper.reap() == (0, 0)  # the task has time to start
    job.run(str(export.pk))
    assert (same(export).state, same(export).token) == ("done", 2)


def test_an_export_that_waits_without_a_task_is_started_and_one_with_a_task_is_not(export):
    end_leases()
    assert reaper.reap() == (1, 0)
    assert len(tasks()) == 1
    end_leases()
    assert reaper.reap() == (0, 0)  # a long queue is no reason to enqueue it again
    assert len(tasks()) == 1


def test_an_export_that_kills_each_worker_fails_after_five_tries(export):
    for number in range(1, 6):
        assert same(export).claim() == number
        end_leases()
        reaper.reap()
    assert (same(export).state, same(export).error) == ("failed", "The export stopped unexpectedly 5 times.")
    job.run(str(export.pk))
    assert mail.outbox[0].subject == "Your export failed"


def test_an_export_without_tries_is_not_started_again_by_a_late_task(export):
    Export.objects.update(tries_left=0)
    job.run(str(export.pk))
    assert (same(export).state, same(export).token) == ("waiting", 0)


def test_an_export_that_could_not_be_started_for_a_day_fails(export):
    end_leases()
    Export.objects.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
    assert reaper.reap() == (1, 0)
    assert (same(export).state, same(export).error) == (
        "failed",
        "The export could not be started. Please try again.",
    )


def test_the_reaper_leaves_an_export_alone_whose_worker_comes_back_at_this_moment(export, monkeypatch):
    token = export.claim()
    end_leases()
    overdue = same(export)
    export.report(token)  # between the reaper's SELECT and its UPDATE
    assert not reaper.recover_export(overdue)
    Export.objects.update(tries_left=0)
    overdue.tries_left = 0
    assert not reaper.recover_export(overdue)
    assert same(export).state == "running" and tasks() == []


def test_the_reaper_leaves_an_export_alone_that_another_process_has_claimed(export):
    export.claim()
    end_leases()
    overdue = same(export)
    assert same(export).claim() == 2
    end_leases()
    assert not reaper.recover_export(overdue)
    assert same(export).state == "running" and tasks() == []


def test_the_reaper_changes_nothing_if_it_cannot_enqueue_the_task(export, monkeypatch):
    def fail(*arguments, **options):
        raise OperationalError("no")

    export.claim()
    end_leases()
    monkeypatch.setattr(DBTaskResult.objects, "create", fail)
    with pytest.raises(OperationalError):
        reaper.reap()
    assert same(export).state == "running"


@pytest.mark.parametrize("tries_left, hours", [(1, 0), (0, 0), (1, 25)])
def test_the_reaper_leaves_an_export_alone_whose_worker_finishes_at_this_moment(export, tries_left, hours):
    Export.objects.update(tries_left=tries_left + 1, created_at=timezone.now() - timedelta(hours=hours))
    export.refresh_from_db()
    token = export.claim()
    end_leases()
    overdue = same(export)
    export.finish(token, ContentFile(b"abc"), rows=1)  # between the reaper's SELECT and its UPDATE
    assert not reaper.recover_export(overdue)
    assert (same(export).state, same(export).error) == ("done", "")


def test_the_log_names_an_export_only_if_it_is_started_again(export, caplog):
    run_export.enqueue(str(export.pk))
    end_leases()
    reaper.reap()  # it waits in a long queue
    assert str(export.pk) not in caplog.text
    DBTaskResult.objects.all().delete()
    reaper.reap()
    assert str(export.pk) in caplog.text


def test_the_command_says_what_it_did(export, capsys):
    call_command("reap_exports")
    assert capsys.readouterr().out == ""
    end_leases()
    call_command("reap_exports")
    assert capsys.readouterr().out == "Overdue: 1 exports, 0 emails.\n"


def test_retry_and_new_task_are_one_transaction(export, monkeypatch):
    def fail(*arguments, **options):
        raise OSError("the disk is full")

    monkeypatch.setattr(job, "write_file", fail)
    run_export.call(str(export.pk))
    assert same(export).state == "waiting"
    (task,) = tasks()
    assert timedelta(seconds=5) < task.run_after - timezone.now() <= timedelta(seconds=10)
    with monkeypatch.context() as context:
        context.setattr(DBTaskResult.objects, "create", fail)
        end_leases()
        with pytest.raises(OSError, match="disk"):
            run_export.call(str(export.pk))
    assert (same(export).state, same(export).token, len(tasks())) == ("running", 2, 1)


# The email


def test_the_email_is_recorded_together_with_the_end_of_the_export(export, monkeypatch):
    def fail(*arguments, **options):
        raise OperationalError("no")

    monkeypatch.setattr(Delivery.objects, "get_or_create", fail)
    with pytest.raises(OperationalError):
        export.finish(export.claim(), ContentFile(b"abc"), rows=1)
    assert same(export).state == "running"


def test_an_email_whose_process_died_before_it_began_is_sent_by_another(export):
    export.finish(export.claim(), ContentFile(b"abc"), rows=1)
    end_leases()
    overdue = Delivery.objects.get()
    assert reaper.reap() == (0, 1)
    assert not reaper.recover_email(overdue)  # another reaper, which has read the row before
    end_leases()
    assert reaper.reap() == (0, 0)  # the task still waits in the queue
    assert len(tasks()) == 1
    DBTaskResult.objects.all().delete()
    assert reaper.reap() == (0, 1)
    overdue.refresh_from_db()
    DBTaskResult.objects.all().delete()
    assert not reaper.recover_email(overdue)  # the new task has time to start
    job.run(str(export.pk))
    assert len(mail.outbox) == 1 and same(export).delivery.sent_at
    assert reaper.reap() == (0, 0)


def test_an_email_whose_process_died_while_sending_is_not_sent_again(client, export):
    export.finish(export.claim(), ContentFile(b"abc"), rows=1)
    assert export.delivery.claim() == 1
    job.run(str(export.pk))
    assert mail.outbox == []
    end_leases()
    assert reaper.reap() == (0, 1)
    job.run(str(export.pk))
    assert mail.outbox == [] == tasks()
    client.force_login(export.owner)
    page = client.get(export.get_absolute_url()).content.decode().replace("&#x27;", "'")
    assert "We don't know whether the email was sent." in page


def test_a_sender_that_comes_back_changes_nothing(export):
    export.finish(export.claim(), ContentFile(b"abc"), rows=1)
    slow, fast, late = (Delivery.objects.get() for _ in range(3))
    old = slow.claim()
    assert fast.claim() is None
    assert slow.release(old, seconds=1)
    assert late.claim() is None  # it has read an old token
    fast.refresh_from_db()
    new = fast.claim()
    assert Delivery.objects.get().claim() is None
    assert not slow.release(old, seconds=1) and not slow.end(old, error="No.")
    assert fast.end(new) and Delivery.objects.get().sent_at


def test_an_owner_whose_address_was_removed_gets_no_email(export, owner):
    export.finish(export.claim(), ContentFile(b"abc"), rows=1)
    User.objects.update(email="")
    job.run(str(export.pk))
    assert mail.outbox == []
    delivery = Delivery.objects.get()
    assert (delivery.sent_at, delivery.error) == (None, "The email could not be sent.")
    end_leases()
    assert reaper.reap() == (0, 0)


def test_an_owner_who_adds_an_address_afterwards_gets_no_email(client, export, owner):
    User.objects.update(email="")
    export.refresh_from_db()
    job.run(str(export.pk))
    User.objects.update(email=ADDRESS)
    assert same(export).is_settled
    client.force_login(owner)
    page = client.get(export.get_absolute_url()).content.decode()
    assert "hx-get" not in page and 'data-test="email"' not in page


def test_an_email_whose_file_is_gone_is_given_up_after_an_hour(export):
    export.finish(export.claim(), ContentFile(b"abc"), rows=1)
    export.file.storage.delete(export.file.name)
    with pytest.raises(RetryLater) as retry:  # perhaps the storage doesn't answer only now
        job.run(str(export.pk))
    assert retry.value.release(10)
    Export.objects.update(finished_at=timezone.now() - timedelta(hours=1))
    job.run(str(export.pk))
    assert Delivery.objects.get().error == "The email could not be sent."
