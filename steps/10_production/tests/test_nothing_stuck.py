"""Whatever dies, an export ends: as done, or as failed with a reason, and its owner may try again."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.db_workers import db_worker, with_database
from tests.servers import smtp, wait_for
from tests.workers import with_celery

pytestmark = pytest.mark.server
DIED = "The process that was to make it died, or took too long. Please try again."


def a_minute_passes(library):
    """Since the last sign of life, and since the end: as long as the lease, and a second."""
    earlier = (f"{field} = datetime({field}, '-61 seconds')" for field in ("heartbeat_at", "finished_at"))
    library.change(f"UPDATE exports_export SET {', '.join(earlier)}")


def test_after_kill_9_the_page_says_so_and_trying_again_helps(large_library):
    large_library.more = {"EXPORT_LEASE": "60"}
    assert large_library.manage("reap_exports").returncode == 0  # there is nothing to do yet
    with large_library.site() as site, large_library.reader(site) as reader:
        export_id = reader.export(published_to="2024-12-31")  # nearly all
        wait_for(lambda: large_library.row(export_id)["rows_done"], "the first books")
        (process,) = large_library.processes()
        process.kill()
        assert reader.state(export_id) == "running"
        a_minute_passes(large_library)
        assert reader.wait_for_end(export_id) == "failed"
        assert DIED in reader.get(f"/exports/{export_id}/").text
        answer = reader.post(f"/exports/{export_id}/retry/")
        again = answer.headers["Location"].split("/")[-2]
        assert again != export_id
        assert reader.wait_for_end(again) == "done"
        assert large_library.row(again)["filters"] == large_library.row(export_id)["filters"]


def test_a_process_that_dies_before_its_claim_is_noticed_too(library):
    library.more = {"EXPORT_START": "1"}
    assert library.manage("reap_exports").returncode == 0  # there is nothing to do yet
    with library.site(settings="tests.settings_spawn_nothing") as site, library.reader(site) as reader:
        export_id = reader.export()
        assert reader.wait_for_end(export_id) == "failed"
        assert DIED in reader.get(f"/exports/{export_id}/").text


def test_a_killed_db_worker_leaves_no_export_running_and_its_owner_gets_one_mail(large_library):
    with smtp() as (large_library.mail_server, mails), with_database(large_library).site() as site:
        with large_library.reader(site) as reader, db_worker(large_library) as worker:
            export_id = reader.export()
            wait_for(lambda: large_library.row(export_id)["rows_done"], "the first books")
            worker.process.suspend()
            early = large_library.manage("reap_exports")
            assert (early.returncode, early.stdout) == (0, "")  # it may live
            worker.kill()
        for said in ("1 ended as failed, 0 told by mail", "0 ended as failed, 1 told by mail"):
            a_minute_passes(large_library)
            assert large_library.manage("reap_exports").stdout.startswith(said)
        assert large_library.manage("reap_exports", "-v2").stdout.startswith("0 ended as failed, 0 told by mail")
    assert (large_library.row(export_id)["state"], large_library.row(export_id)["error"]) == ("failed", DIED)
    (mail,) = mails
    assert DIED in mail.get_content()


def test_reaping_by_many_at_one_moment_sends_one_mail(library):
    (export_id,) = library.new_exports()
    library.change("UPDATE exports_export SET state = 'running', heartbeat_at = '2026-01-01 12:00:00', attempt = 1")
    library.more = {"EXPORT_LEASE": "1"}
    with smtp() as (library.mail_server, mails):
        assert library.manage("reap_exports").returncode == 0
        wait_for(lambda: library.manage("reap_exports") and library.row(export_id)["mail_sent_at"], "the mail")
        library.change("UPDATE exports_export SET mail_claimed_at = NULL, mail_sent_at = NULL")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: library.manage("reap_exports"), range(4)))
    assert len(mails) == 2


@pytest.mark.parametrize(
    "runner, broker, silent, state",
    [
        ("database", "", 61, "failed"),
        ("celery", "", 61, "running"),  # kombu's files deliver once, but a task asks for itself again
        ("celery", "", 60 + 86_400 + 1, "failed"),
        ("celery", "amqp://", 61, "running"),
        ("celery", "amqp://", 60 + 86_400 + 1, "failed"),
        ("celery", "redis://", 60 + 86_400 + 1, "running"),
        ("celery", "redis://", 60 + 600 + 86_400 + 1, "failed"),
    ],
)
def test_a_broker_that_delivers_again_gets_the_time_to_do_so(library, runner, broker, silent, state):
    (export_id,) = library.new_exports()
    began, last_sign = (f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-{ago} seconds')" for ago in (silent + 5, silent))
    library.change(
        f"UPDATE exports_export SET state = 'running', attempt = 1, started_at = {began}, heartbeat_at = {last_sign}"
    )
    with_celery(library, broker, EXPORT_LEASE="60", EXPORT_RUNNER=runner)
    assert library.manage("reap_exports").returncode == 0
    assert library.row(export_id)["state"] == state


def test_one_that_hangs_and_still_gives_signs_of_life_is_ended_after_the_time_limit(library):
    (export_id,) = library.new_exports()
    for minutes, state in ((25, "running"), (27, "failed")):
        library.change(
            "UPDATE exports_export SET state = 'running', attempt = 1, heartbeat_at = datetime('now'),"
            f" started_at = strftime('%Y-%m-%d %H:%M:%f', 'now', '-{minutes} minutes')"
        )
        assert library.manage("reap_exports").returncode == 0
        assert library.row(export_id)["state"] == state


def test_a_mail_that_was_never_begun_is_sent_and_one_that_was_is_not_sent_twice(library):
    """As a process leaves it that is killed after the export is done, before or while it mails."""
    never, perhaps = library.new_exports({"genre": "novel"}, {"genre": "poetry"})
    with smtp() as (library.mail_server, mails):
        for export_id in (never, perhaps):
            assert library.manage("run_export", export_id).returncode == 0
        assert len(mails) == 2
        key = perhaps.replace("-", "")
        library.change("UPDATE exports_export SET mail_sent_at = NULL, finished_at = '2026-01-01 12:00:00'")
        library.change("UPDATE exports_export SET mail_claimed_at = NULL WHERE id != ?", key)
        library.change("UPDATE exports_export SET mail_claimed_at = '2026-01-01 12:00:00' WHERE id = ?", key)
        assert library.manage("reap_exports").stdout == "0 ended as failed, 1 told by mail, 1 told perhaps.\n"
        assert len(mails) == 3
        assert library.row(never)["mail_sent_at"]
        assert library.row(perhaps)["mail_error"] == "It is not known whether the mail was sent."
        with library.site() as site, library.reader(site) as reader:  # who wants it again presses a button
            reader.post(f"/exports/{perhaps}/mail/")
            wait_for(lambda: library.row(perhaps)["mail_sent_at"], "the mail")
    # Another number: a mail program hides a mail that it has already.
    assert [mails[-1]["Message-ID"]] == [f"<export-{perhaps}-1@127.0.0.1>"]
    assert len({mail["Message-ID"] for mail in mails}) == 3 and len(mails) == 4


def test_who_has_no_address_is_asked_about_once_and_gets_no_old_mails_with_a_new_one(library):
    library.more = {"EXPORT_LEASE": "60"}
    (export_id,) = library.new_exports()
    library.change("UPDATE exports_export SET state = 'failed', error = 'x', finished_at = '2026-01-01 12:00:00'")
    for address in ("", "reader@example.com"):
        library.change("UPDATE auth_user SET email = ? WHERE username = 'reader'", address)
        assert library.manage("reap_exports").stdout == ""
    row = library.row(export_id)
    assert (row["mail_sent_at"], row["mail_error"]) == (None, "There was no address.")
