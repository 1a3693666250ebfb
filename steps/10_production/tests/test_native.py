"""`export_books --engine native`: the same bytes as the ORM's, by the database's own way."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from django.core.management import CommandError, call_command

from tests.servers import STEP, environment, manage, peak_memory, wait_for

FILTERS = [["--q=O'B"], ["--genre=novel", "--published-from=2001-01-01"], ["--raw", "--bom"]]
MORE = [[], ["--q=garden"], ["--q=Ångström"], ["--q=no such book"]]
ALL = [*FILTERS, *(pytest.param(arguments, marks=pytest.mark.slow) for arguments in MORE)]


def export(database, engine, *arguments):
    """The file, and what the command says of its engine."""
    done = manage(database, "export_books", "-o", "-", "-v2", f"--engine={engine}", *arguments, text=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.decode().splitlines()[0]


@pytest.mark.server
@pytest.mark.parametrize("arguments", ALL, ids=lambda arguments: " ".join(arguments) or "all")
def test_on_sqlite_it_gives_the_same_bytes(database, arguments):
    by_orm, said = export(database, "orm", *arguments)
    assert said == "Engine: orm."
    assert (by_orm.count(b"\r\n") > 1) == ("no such book" not in str(arguments))
    assert export(database, "native", *arguments) == (by_orm, "Engine: native.")


@pytest.mark.services
@pytest.mark.parametrize("filters", [FILTERS, pytest.param(MORE, marks=pytest.mark.slow)], ids=["some", "more"])
def test_on_postgresql_it_gives_the_same_bytes(postgres_library, filters):
    for arguments in filters:
        by_orm, said = export(postgres_library.database, "orm", *arguments)
        assert said == "Engine: orm."
        assert export(postgres_library.database, "native", *arguments) == (by_orm, "Engine: native.")


@pytest.mark.server
def test_auto_takes_it(database):
    assert export(database, "auto") == export(database, "native")


@pytest.mark.server
def test_its_memory_does_not_grow_with_the_table(database, large_database):
    few = max(native_peak(database) for _ in range(3))  # so short a peak can be overlooked
    assert native_peak(large_database) / few < 1.1


def native_peak(database):
    command = [sys.executable, STEP / "manage.py", "export_books", "--engine=native", "-o", "-"]
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment(database)}
    with subprocess.Popen(command, **options) as process:
        with peak_memory(psutil.Process(process.pid)) as peak:
            assert process.wait() == 0
    return peak[0]


@pytest.mark.services
def test_it_works_while_django_debugs(postgres_library):
    asked = ["export_books", "-o", "-", "--engine=native", "--q=garden"]
    plain, debugged = (postgres_library.manage(*asked, variables={"DEBUG": debug}) for debug in ("0", "1"))
    assert debugged.returncode == 0, debugged.stderr
    assert debugged.stdout == plain.stdout


@pytest.mark.server
def test_a_database_that_fails_is_one_line_and_nothing_else(tmp_path):
    with closing(sqlite3.connect(tmp_path / "empty.sqlite3")) as connection:
        connection.execute("CREATE TABLE other (id)")
    done = manage(tmp_path / "empty.sqlite3", "export_books", "--engine=native", "-o", "-")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("CommandError: standard output was not written. The database says: ")
    assert "no such table: library_book" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.server
def test_it_waits_for_a_database_that_is_locked(database, tmp_path):
    """As Django's connection does: until whoever has the lock is done, or the time-out is over."""
    locked = shutil.copy(database, tmp_path / "locked.sqlite3")
    settings = {"DJANGO_SETTINGS_MODULE": "tests.settings_delete_journal", "PYTHONPATH": str(STEP)}
    # Without Django's checks, which would wait before it: they ask the database what it can do.
    arguments = ["--skip-checks", "--engine=native", "-o", tmp_path / "books.csv"]
    command = [sys.executable, STEP / "manage.py", "export_books", *arguments]
    options = {"env": {**environment(locked), **settings}, "stderr": subprocess.PIPE}
    with closing(sqlite3.connect(locked)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN EXCLUSIVE")
        with subprocess.Popen(command, **options) as process:
            try:
                wait_for(lambda: process.poll() is not None or has_open(process.pid, locked), "the export")
                begun = naps(process.pid)
                wait_for(lambda: process.poll() is not None or naps(process.pid) > begun + 8, "it to ask again")
                assert process.poll() is None, process.stderr.read()
                connection.rollback()
                assert process.wait() == 0, process.stderr.read()
            finally:
                process.kill()
    assert (tmp_path / "books.csv").read_bytes().count(b",979") == 20_000


def naps(pid):
    """How often a process has let others run: once each time that it waits before it asks again."""
    return psutil.Process(pid).num_ctx_switches().voluntary


def has_open(pid, path):
    return any(Path(file.path) == Path(path) for file in psutil.Process(pid).open_files())


@pytest.mark.django_db
def test_where_it_cannot_read_it_says_why_and_auto_takes_the_orm(tmp_path, capsys):
    """In a test of Django's the books are in memory, in a transaction that nobody else sees."""
    reason = "on SQLite it has a connection of its own, which would not see these books"
    call_command("export_books", "-o", tmp_path / "books.csv", "-v2")
    assert capsys.readouterr().out.startswith(f"Engine: orm ({reason}).\nWrote 0 books")
    with pytest.raises(CommandError, match=f"--engine native: {reason}"):
        call_command("export_books", "-o", tmp_path / "other.csv", "--engine=native")
    with pytest.raises(CommandError, match="--engine: 'turbo' is none of auto, orm, native"):
        call_command("export_books", "-o", tmp_path / "other.csv", engine="turbo")


@pytest.mark.server
def test_a_text_stream_takes_it_too(database):
    script = "import io, sys; from django.core.management import call_command; text = io.StringIO(); "
    script += "call_command('export_books', output='-', engine='native', stdout=text, stderr=io.StringIO()); "
    script += "sys.stdout.write(text.getvalue())"
    done = manage(database, "shell", "--verbosity=0", "-c", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(",979") == 20_000


@pytest.mark.server
@pytest.mark.parametrize("missing", ["adbc_driver_sqlite", "nanoarrow"])
def test_without_its_packages_it_names_them(database, missing, tmp_path):
    hidden = f"import sys; sys.modules['{missing}'] = None"
    (tmp_path / "sitecustomize.py").write_text(hidden)
    variables = {"PYTHONPATH": str(tmp_path)}
    target = tmp_path / "books.csv"
    asked = manage(database, "export_books", "--engine=native", "-o", target, variables=variables)
    assert asked.returncode == 1
    assert asked.stderr == (
        "CommandError: --engine native: for SQLite it needs what `pip install adbc-driver-sqlite nanoarrow` brings.\n"
    )
    taken = manage(database, "export_books", "-v2", "-o", target, variables=variables)
    assert taken.returncode == 0 and taken.stdout.startswith("Engine: orm (for SQLite it needs")


@pytest.mark.server
def test_zstd_unpacks_to_the_same_bytes(database, tmp_path):
    import zstandard

    plain, _ = export(database, "auto")
    done = manage(database, "export_books", "--compress=zstd", "-o", tmp_path / "books.csv.zst")
    assert done.returncode == 0, done.stderr
    with zstandard.open(tmp_path / "books.csv.zst") as file:
        assert file.read() == plain


@pytest.mark.server
def test_zstd_without_its_package_is_one_line(database, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['zstandard'] = None")
    variables = {"PYTHONPATH": str(tmp_path)}
    done = manage(database, "export_books", "--compress=zstd", "-o", tmp_path / "books.csv.zst", variables=variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "CommandError: --compress zstd needs what `pip install zstandard` brings.\n"
    assert not (tmp_path / "books.csv.zst").exists()
