"""An export that waits in a table of the database, for a worker that is a management command."""

import signal

import pytest

from tests.db_workers import db_worker, with_database
from tests.exporting import Library, add_readers
from tests.servers import manage, postgresql, smtp, wait_for

pytestmark = pytest.mark.server
FEW = {"genre": "novel", "published_from": "2024-01-01"}  # books of a quick export


def tasks(library):
    """The states of the tasks in the order of their requests."""
    sql = "SELECT status FROM django_tasks_database_dbtaskresult ORDER BY enqueued_at"
    return [status for (status,) in library.change(sql)]


def test_an_export_waits_in_the_database_for_a_worker_that_makes_and_mails_it(library, tmp_path):
    with smtp() as (library.mail_server, mails), with_database(library).site() as site, library.reader(site) as reader:
        export_id = reader.export(genre="novel")
        assert (reader.state(export_id), tasks(library)) == ("waiting", ["READY"])
        with db_worker(library):
            assert reader.wait_for_end(export_id) == "done"
            wait_for(lambda: tasks(library) == ["SUCCESSFUL"], "the end of the task")
        library.manage("export_books", "-v0", "--genre=novel", "-o", tmp_path / "expected.csv")
        assert reader.download(export_id) == (tmp_path / "expected.csv").read_bytes()
    assert len(mails) == 1
    assert library.processes() == []  # nothing was spawned


def test_it_is_the_default(library):
    del with_database(library).more["EXPORT_RUNNER"]
    with library.site(EXPORT_RUNNER="") as site, library.reader(site) as reader:
        reader.export()
        assert tasks(library) == ["READY"]


def test_the_task_is_committed_with_the_export_or_not_at_all(library):
    refuse = "BEFORE INSERT ON django_tasks_database_dbtaskresult BEGIN SELECT RAISE(ABORT, 'no more tasks'); END"
    with with_database(library).site() as site, library.reader(site) as reader:
        library.change(f"CREATE TRIGGER refuse {refuse}")
        assert reader.post("/exports/").status_code == 500
        assert library.change("SELECT count(*) FROM exports_export") == [(0,)] and tasks(library) == []
        library.change("DROP TRIGGER refuse")
        reader.export()
        assert library.change("SELECT count(*) FROM exports_export") == [(1,)] and tasks(library) == ["READY"]


@pytest.mark.parametrize(
    "where", ["SQLite", pytest.param("PostgreSQL", marks=[pytest.mark.services, pytest.mark.slow])]
)
def test_the_site_answers_and_two_workers_make_forty_exports_each_once(where, library, tmp_path, django_db_blocker):
    """Asked at once, each of other books: forty right files."""
    if where == "SQLite":
        forty_exports(with_database(library), library.change)
        return
    import psycopg

    with postgresql() as url, psycopg.connect(url, autocommit=True) as connection:
        for arguments in (["migrate", "-v0"], ["seed_books", "20000", "-v0"]):
            assert manage(url, *arguments).returncode == 0
        served = Library(url, tmp_path, django_db_blocker.unblock, sessions=add_readers(url))
        forty_exports(with_database(served), lambda sql: connection.execute(sql).fetchall())


def forty_exports(library, query):
    with library.site() as site, db_worker(library) as one, db_worker(library) as other, library.reader(site) as reader:
        wanted = {reader.export(published_to=f"{year}-12-31"): year for year in range(1985, 2025)}
        seen = set()

        def all_done():
            assert site.get("/books/")[0] == 200
            rows = dict(query("SELECT state, count(*) FROM exports_export GROUP BY state"))
            seen.update(rows)
            return rows.get("done") == 40

        wait_for(all_done, "all forty", seconds=120)
        assert "waiting" in seen
        # A worker says that an export is done a moment after its row does, and before the task's row.
        ended = "SELECT count(*) FROM django_tasks_database_dbtaskresult WHERE status = 'SUCCESSFUL'"
        wait_for(lambda: query(ended) == [(40,)], "the end of all tasks")
        assert one.said(" is done: ") + other.said(" is done: ") == 40
        assert one.said(" is done: ") and other.said(" is done: ")
    assert query("SELECT max(attempt) FROM exports_export") == [(1,)]
    years = "SELECT substr(cast(published_on AS text), 1, 4), count(*) FROM library_book GROUP BY 1"
    books = {int(year): number for year, number in query(years)}
    for export_id, last in wanted.items():
        file = library.folder / "data" / "exports" / f"{export_id}-1.csv"
        assert file.read_bytes().count(b",979") == sum(number for year, number in books.items() if year <= last)
    assert len(library.files()) == 40


def test_trap_after_kill_9_of_its_worker_a_task_is_running_for_ever(large_library):
    with with_database(large_library).site() as site, large_library.reader(site) as reader:
        with db_worker(large_library) as killed:
            export_id = reader.export()
            wait_for(lambda: large_library.row(export_id)["rows_done"], "the first books")
            killed.kill()
        with db_worker(large_library):
            later = reader.export(**FEW)
            assert reader.wait_for_end(later) == "done"
            wait_for(lambda: tasks(large_library)[-1] == "SUCCESSFUL", "its end")
            assert tasks(large_library) == ["RUNNING", "SUCCESSFUL"]
            assert reader.state(export_id) == "running"


@pytest.mark.parametrize("times, state, task", [(1, "done", "SUCCESSFUL"), (2, "failed", "FAILED")])
def test_a_worker_that_is_told_once_finishes_its_export_and_told_twice_fails_it(large_library, times, state, task):
    with smtp() as (large_library.mail_server, mails), with_database(large_library).site() as site:
        with large_library.reader(site) as reader, db_worker(large_library) as worker:
            export_id = reader.export()
            wait_for(lambda: large_library.row(export_id)["rows_done"], "the first books")
            for number in range(1, times + 1):
                worker.process.send_signal(signal.SIGTERM)
                if number < times:
                    wait_for(lambda: worker.said("shutting down gracefully"), "the first to be heard")
            worker.process.wait()
            assert (reader.state(export_id), tasks(large_library)) == (state, [task])
            page = reader.get(f"/exports/{export_id}/").text
            assert ("The export was stopped before its end." in page) == (state == "failed")
    assert len(mails) == 1
    assert len(large_library.files()) == (state == "done")


def test_a_storage_that_refuses_is_tried_again_by_a_later_task(library):
    data = library.folder / "data"
    data.mkdir()
    (data / "exports").write_text("a file where the folder of exports should be")
    with with_database(library).site() as site, db_worker(library), library.reader(site) as reader:
        export_id = reader.export(genre="novel")
        assert reader.wait_for_end(export_id) == "failed"
        row = library.row(export_id)
        assert (row["attempt"], row["error"]) == (5, "The file could not be stored: refused.")
        wait_for(lambda: tasks(library) == ["SUCCESSFUL"] * 5, "the last of five tasks")
        (data / "exports").unlink()
        assert reader.wait_for_end(reader.export(genre="novel")) == "done"


@pytest.mark.services
def test_trap_without_tasks_in_the_settings_the_view_does_all_the_work(tmp_path, django_db_blocker):
    """Django then has a backend that runs the task at once, in the request."""
    with postgresql() as url:
        for arguments in (["migrate", "-v0"], ["seed_books", "20000", "-v0"]):
            assert manage(url, *arguments).returncode == 0
        library = with_database(Library(url, tmp_path, django_db_blocker.unblock, sessions=add_readers(url)))
        with library.site() as site, library.reader(site) as reader:
            assert reader.state(reader.export()) == "waiting"
        with library.site(settings="tests.settings_no_tasks") as site, library.reader(site) as reader:
            assert reader.state(reader.export(genre="novel")) == "done"  # as soon as the view has answered


def test_trap_without_tasks_in_the_settings_sqlite_locks_the_export_out(library):
    """The job runs inside of the view's transaction, and reports over another connection, which waits for the first."""
    with with_database(library).site(settings="tests.settings_no_tasks") as site, library.reader(site) as reader:
        assert reader.post("/exports/").status_code == 500
        assert "database is locked" in site.log.read_text()
