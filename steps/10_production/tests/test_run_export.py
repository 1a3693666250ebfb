"""`manage.py run_export ID`: from waiting to done or failed, with a whole file or none."""

import random
import re
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.exporting import Library, add_readers
from tests.servers import manage, postgresql, smtp, wait_for

pytestmark = [
    pytest.mark.server,
    pytest.mark.covers(
        "exports/job.py", "exports/models.py", "exports/delivery.py", "exports/management/commands/run_export.py"
    ),
]


def test_a_database_without_tables_is_one_line(library, tmp_path):
    (waiting,) = library.new_exports({})
    assert library.manage("run_export", waiting).returncode == 0
    done = manage(tmp_path / "new.sqlite3", "run_export", waiting)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: The database says: no such table: exports_export. (No such table? Run")
    assert done.stderr.count("\n") == 1


def test_the_file_is_that_of_export_books(library, tmp_path):
    wanted = [{}, {"genre": "novel", "published_from": "2001-01-01"}, {"q": "island", "raw": "1", "bom": "1"}]
    options = [[], ["--genre=novel", "--published-from=2001-01-01"], ["--q=island", "--raw", "--bom"]]
    for export_id, option in zip(library.new_exports(*wanted), options, strict=True):
        done = library.manage("run_export", export_id)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        library.manage("export_books", "-v0", "--force", "-o", tmp_path / "expected.csv", *option)
        row = library.row(export_id)
        file = tmp_path / "data" / "exports" / row["file"]
        assert file.read_bytes() == (tmp_path / "expected.csv").read_bytes()
        books = file.read_bytes().count(b",979")
        assert (row["state"], row["rows_done"], row["rows_total"]) == ("done", books, books) and books > 10
        assert row["size"] == file.stat().st_size
        assert row["created_at"] < row["started_at"] < row["finished_at"]
        assert file.stat().st_mode & 0o077 == 0  # nobody else on this machine reads it
    assert library.unfinished() == []


def test_an_export_that_has_ended_is_left_alone(library):
    (export_id,) = library.new_exports()
    assert library.manage("run_export", export_id).returncode == 0
    before = library.row(export_id)
    again = library.manage("run_export", export_id)
    assert again.returncode == 0 and "done: nothing to do" in again.stderr
    assert library.row(export_id) == before
    assert len(library.files()) == 1


def test_an_export_that_runs_is_not_taken_by_a_second_process(large_library):
    (export_id,) = large_library.new_exports()
    with large_library.run_export(export_id) as process:
        wait_for(lambda: large_library.row(export_id)["state"] == "running", "the export to run")
        second = large_library.manage("run_export", export_id)
        assert second.returncode == 0 and "running: nothing to do" in second.stderr
        assert process.poll() is None, "the export was over too soon"
        assert large_library.row(export_id)["state"] == "running"
        assert large_library.files() == []


def test_the_progress_is_written_while_the_books_are_read_and_others_write(large_library):
    (export_id,) = large_library.new_exports()
    seen = set()
    with large_library.run_export(export_id) as process:
        while process.poll() is None:
            time.sleep(0.05)
            row = large_library.row(export_id)
            seen.add((row["rows_done"], row["rows_total"]))
            large_library.change("UPDATE auth_user SET last_name = last_name || '.'")
    row = large_library.row(export_id)
    assert (row["state"], row["rows_done"]) == ("done", row["rows_total"])
    between = [(done, total) for done, total in seen if 0 < done < row["rows_total"]]
    assert len(between) >= 2 and {total for _, total in between} == {row["rows_total"]}


def test_the_file_is_there_at_once_and_whole(large_library):
    (export_id,) = large_library.new_exports({"genre": "novel"})
    sizes, over = set(), False
    with large_library.run_export(export_id) as process:
        while not over:
            time.sleep(0.001)
            over = process.poll() is not None  # and then once more
            sizes |= {path.stat().st_size for path in large_library.files()}
    assert sizes == {large_library.row(export_id)["size"]}


@pytest.mark.parametrize("wrong, said", [(str(uuid.UUID(int=1)), "There is no export"), ("7", "invalid UUID")])
def test_a_wrong_id_is_one_line(library, wrong, said):
    assert library.manage("run_export", library.new_exports()[0]).returncode == 0
    done = library.manage("run_export", wrong)
    assert done.returncode != 0
    assert said in done.stderr and "Traceback" not in done.stderr


def test_a_full_disk_ends_as_failed_with_a_sentence_and_without_a_file(library):
    import resource

    def small_files_only():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    # The database's own file is larger than that already; what the export adds to it is in a smaller one.
    (export_id,) = library.new_exports()
    done = library.manage("run_export", export_id, preexec_fn=small_files_only)
    assert done.returncode == 1
    row = library.row(export_id)
    assert (row["state"], row["error"], row["file"]) == ("failed", "The file could not be stored: File too large.", "")
    assert library.files() == library.unfinished() == []


def test_a_storage_that_refuses_ends_as_failed_with_a_sentence(library):
    (library.folder / "data").mkdir()
    (library.folder / "data" / "exports").write_text("a file where the folder of exports should be")
    (export_id,) = library.new_exports()
    assert library.manage("run_export", export_id).returncode == 1
    row = library.row(export_id)
    assert (row["state"], row["error"]) == ("failed", "The file could not be stored: refused.")
    assert library.unfinished() == [library.folder / "data" / "exports"]


def test_a_table_that_cannot_be_read_ends_as_failed_with_a_sentence(library):
    library.change("ALTER TABLE library_book RENAME TO elsewhere")
    (export_id,) = library.new_exports()
    assert library.manage("run_export", export_id).returncode == 1
    row = library.row(export_id)
    assert (row["state"], row["error"]) == ("failed", "There was a problem with the database.")
    assert library.files() == library.unfinished() == []


def test_filters_that_are_no_longer_valid_are_not_left_out(library):
    good, bad = library.new_exports({"genre": "novel"}, {"genre": "cookery"})
    assert library.manage("run_export", good).returncode == 0
    assert library.manage("run_export", bad).returncode == 1
    row = library.row(bad)
    assert (row["state"], row["error"]) == ("failed", "These filters cannot be used (any more).")
    assert len(library.files()) == 1


def test_stopped_it_ends_as_failed_with_a_sentence_and_without_a_file(large_library):
    (export_id,) = large_library.new_exports()
    with large_library.run_export(export_id) as process:
        wait_for(lambda: large_library.row(export_id)["rows_done"] > 0, "the first books")
        process.terminate()
        assert process.wait() == 1
    row = large_library.row(export_id)
    assert (row["state"], row["error"]) == ("failed", "The export was stopped before its end.")
    assert large_library.files() == large_library.unfinished() == []


def test_stopped_just_after_its_claim_it_ends_as_failed_too(large_library):
    for export_id in large_library.new_exports(*[{}] * 4):
        with large_library.run_export(export_id) as process:
            wait_for(lambda: large_library.row(export_id)["state"] == "running", "its claim")  # noqa: B023
            process.terminate()
            process.wait()
        assert large_library.row(export_id)["state"] == "failed"
    assert large_library.files() == large_library.unfinished() == []


def test_stopped_while_it_hands_over_it_is_done_with_a_file_or_failed_without_and_the_mail_is_told(library):
    for number, export_id in enumerate(library.new_exports(*[{}] * 4)):
        library.folder = library.database.parent / str(number)
        with library.run_export(export_id) as process:
            wait_for(library.files, "the hand-over")
            process.terminate()
            process.wait()
        row = library.row(export_id)
        assert (row["state"], len(library.files())) in [("done", 1), ("failed", 0)]
        assert row["mail_sent_at"] or row["mail_error"]


def test_an_export_that_is_deleted_while_it_runs_leaves_no_file(large_library):
    (export_id,) = large_library.new_exports({"published_from": "1990-01-01"})  # a third of the books
    with large_library.run_export(export_id) as process:
        wait_until_written(process, large_library, 1)
        large_library.change("DELETE FROM exports_export")
        assert process.wait() == 1
        assert "Traceback" not in process.stderr.read()
    assert large_library.files() == large_library.unfinished() == []


def test_nothing_of_a_killed_export_has_the_name_of_a_whole_one(medium_library, tmp_path):
    """SIGKILL and SIGTERM, five times each, at random moments between its first byte and its last."""
    exports = medium_library.new_exports(*[{}] * 11)
    assert medium_library.manage("run_export", exports[0]).returncode == 0
    (whole,) = medium_library.files()
    size = whole.stat().st_size

    def kill(number):
        how = [signal.SIGKILL, signal.SIGTERM][number % 2]
        library = Library(medium_library.database, tmp_path / f"folder {number}")
        with library.run_export(exports[number]) as process:
            wait_until_written(process, library, random.uniform(0, 0.95) * size)
            process.send_signal(how)
            process.wait()
        files, state = library.files(), library.row(exports[number])["state"]
        if state == "done":
            return False  # it was faster than the signal
        assert state == ("running" if how == signal.SIGKILL else "failed")
        assert {path.stat().st_size for path in files} <= {size}
        assert files == [] or state == "running"  # killed between its file's name and its row
        return files == []

    with ThreadPoolExecutor(2) as pool:
        in_the_middle = list(pool.map(kill, range(1, 11)))
    assert sum(in_the_middle) >= 7


def wait_until_written(process, library, size):
    """Wait until a file that is not finished has at least `size` bytes, or the process has ended well."""

    def written():
        with suppress(FileNotFoundError):  # it has just got its name
            if any(path.stat().st_size >= size for path in library.unfinished()):
                return True
        assert process.poll() in (None, 0), process.stderr.read()
        return process.poll() == 0

    wait_for(written, f"{size:,.0f} bytes of an export")


@pytest.mark.services
def test_a_database_that_goes_away_ends_as_failed_with_a_sentence(tmp_path, django_db_blocker):
    import psycopg

    with postgresql() as url, psycopg.connect(url, autocommit=True) as connection, smtp() as (mail_server, mails):
        library = Library(url, tmp_path, django_db_blocker.unblock, mail_server)
        for arguments in (["migrate", "-v0"], ["seed_books", "40000", "-v0"]):
            assert manage(url, *arguments).returncode == 0
        add_readers(url)
        (export_id,) = library.new_exports()
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE library_author IN ACCESS EXCLUSIVE MODE")  # the export waits there for us
            with library.run_export(export_id) as process:
                ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^(DECLARE|FETCH)'"
                wait_for(lambda: connection.execute(ended).fetchall(), "the export to read")
                assert process.wait() == 1
                assert "terminating connection" in process.stderr.read()
        found = connection.execute("SELECT state, error, mail_sent_at IS NULL FROM exports_export").fetchall()
        assert found == [("failed", "There was a problem with the database.", False)]
    assert re.search("has failed", mails[0].get_content())
    assert library.files() == library.unfinished() == []
