"""An export belongs to one process at a time, which must show that it lives. No runner has a part in this."""

import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.exporting import Library, add_readers
from tests.servers import manage, postgresql, smtp, wait_for

pytestmark = [
    pytest.mark.server,
    pytest.mark.covers("exports/job.py", "exports/models.py", "exports/delivery.py", "exports/management"),
]


def last_sign_of_life(library, seconds):
    """Pretend that the last one was so many seconds ago. The lease is 60 seconds."""
    library.change(f"UPDATE exports_export SET heartbeat_at = datetime('now', '-{seconds} seconds')")


def begin(library, export_id, process):
    def begun():
        assert process.poll() is None, process.stderr.read()
        return library.row(export_id)["rows_done"]

    wait_for(begun, "the first books")


def test_a_dead_ones_export_is_taken_over_when_its_lease_is_over_and_not_before(large_library):
    (export_id,) = large_library.new_exports()
    with large_library.run_export(export_id) as process:
        begin(large_library, export_id, process)
        process.kill()
    last_sign_of_life(large_library, 45)
    assert "running: nothing to do" in large_library.manage("run_export", export_id).stderr
    last_sign_of_life(large_library, 61)
    assert "is done" in large_library.manage("run_export", export_id).stderr
    row = large_library.row(export_id)
    assert (row["state"], row["attempt"], row["rows_done"]) == ("done", 2, row["rows_total"])
    assert [file.name for file in large_library.files()] == [row["file"]]


def test_of_many_that_want_a_dead_ones_export_one_gets_it(library):
    (export_id,) = library.new_exports()
    library.change("UPDATE exports_export SET state = 'running', attempt = 1, heartbeat_at = '2026-01-01 12:00:00'")
    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(lambda _: library.manage("run_export", export_id), range(4)))
    assert [end.returncode for end in ends] == [0] * 4
    assert sum("is done: 20000 books" in end.stderr for end in ends) == 1
    assert library.row(export_id)["attempt"] == 2
    assert len(library.files()) == 1


def test_one_that_was_thought_dead_and_comes_back_changes_nothing(large_library):
    with smtp() as (large_library.mail_server, mails):
        (export_id,) = large_library.new_exports()
        with large_library.run_export(export_id) as first:
            begin(large_library, export_id, first)
            first.send_signal(signal.SIGSTOP)  # as happens to a machine that is moved to another host
            last_sign_of_life(large_library, 61)
            with large_library.run_export(export_id) as second:
                wait_for(lambda: large_library.row(export_id)["attempt"] == 2, "another to take it")
                begin(large_library, export_id, second)
                second.send_signal(signal.SIGSTOP)
                running = large_library.row(export_id)
                first.send_signal(signal.SIGCONT)
                assert first.wait() == 0
                assert "taken over" in first.stderr.read()
                assert large_library.row(export_id) == running and large_library.files() == []
                second.send_signal(signal.SIGCONT)
                assert second.wait() == 0
        ended = large_library.row(export_id)
        assert (ended["state"], ended["attempt"]) == ("done", 2)
        assert [file.name for file in large_library.files()] == [ended["file"]]
        assert large_library.unfinished() == []
    assert len(mails) == 1


def test_an_export_that_was_done_but_not_mailed_is_mailed_by_the_next_delivery(library):
    with smtp() as (library.mail_server, mails):
        (export_id,) = library.new_exports({"genre": "novel"})
        assert library.manage("run_export", export_id).returncode == 0
        library.change("UPDATE exports_export SET mail_claimed_at = NULL, mail_sent_at = NULL")  # as if killed there
        assert library.manage("run_export", export_id).returncode == 0
        assert library.manage("run_export", export_id).returncode == 0
        assert library.row(export_id)["attempt"] == 1
    assert len(mails) == 2


def test_an_export_that_no_attempt_survives_is_given_up(library):
    (export_id,) = library.new_exports({"genre": "novel"})
    dead = "UPDATE exports_export SET state = 'running', attempt = ?, heartbeat_at = '2026-01-01 12:00:00'"
    library.change(dead, 5)
    assert library.manage("run_export", export_id).returncode == 1
    row = library.row(export_id)
    assert (row["state"], row["error"]) == (
        "failed",
        "It was tried 5 times, and no attempt came to its end.",
    )
    (export_id,) = library.new_exports({"genre": "novel"})
    library.change(f"{dead} WHERE state = 'waiting'", 4)
    assert library.manage("run_export", export_id).returncode == 0
    assert library.row(export_id)["state"] == "done"


@pytest.mark.services
def test_it_shows_that_it_lives_while_the_database_keeps_it_waiting(tmp_path, django_db_blocker):
    import psycopg

    with postgresql() as url, psycopg.connect(url) as connection, psycopg.connect(url, autocommit=True) as other:
        assert manage(url, "migrate", "-v0").returncode == 0
        add_readers(url)
        library = Library(url, tmp_path, django_db_blocker.unblock, more={"EXPORT_LEASE": "10"})
        (export_id,) = library.new_exports()
        with connection.transaction(), library.run_export(export_id) as process:
            connection.execute("LOCK TABLE library_book IN ACCESS EXCLUSIVE MODE")
            wait_for(lambda: heartbeat(url), "the claim")
            own = 'query ~ \'^UPDATE "exports_export" SET "heartbeat_at"\' AND pid <> pg_backend_pid()'
            ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {own}"
            wait_for(lambda: other.execute(ended).fetchall(), "the connection of its heartbeats")
            other.execute("UPDATE exports_export SET heartbeat_at = now() - interval '1 hour'")
            wait_for(lambda: datetime.now(UTC) - heartbeat(url) < timedelta(minutes=1), "a heartbeat after that")
            assert "nothing to do" in library.manage("run_export", export_id, timeout=60).stderr
            assert process.poll() is None


def heartbeat(url):
    import psycopg

    with psycopg.connect(url) as connection:
        return connection.execute("SELECT heartbeat_at FROM exports_export").fetchone()[0]
