"""`export_books --engine native` gives the same bytes, and doesn't endanger the database."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import psutil
import pytest
from django.core.management import CommandError, call_command

from tests.servers import STEP, environment, manage, peak_memory

pytestmark = pytest.mark.covers("library")
ARGUMENTS = [["--q=O'B"], ["--genre=novel", "--published-from=2001-01-01"], ["--raw", "--bom"], ["--q=no such book"]]


EXPORT_ALL = """
import json, sys
from django.core.management import call_command
for number, words in enumerate(json.loads(sys.stdin.read())):
    for engine in ("orm", "native"):
        call_command("export_books", *words, f"--engine={engine}", "-v0", f"--output={engine}-{number}.csv")
"""


@pytest.mark.server
def test_it_gives_the_same_bytes_on_sqlite(database, tmp_path):
    done = manage(database, "shell", "-v0", "-c", EXPORT_ALL, input=json.dumps(ARGUMENTS), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for number, arguments in enumerate(ARGUMENTS):
        by_orm, by_native = ((tmp_path / f"{engine}-{number}.csv").read_bytes() for engine in ("orm", "native"))
        assert (by_orm.count(b"\r\n") > 1) == ("no such book" not in str(arguments))
        assert by_native == by_orm


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


LOCK = """
import subprocess, sys
from django.core.management import call_command
from django.db import connections, transaction
from library.models import Author
path = connections["default"].settings_dict["NAME"]
code = f"import sqlite3; c = sqlite3.connect({str(path)!r}, timeout=0); c.execute('BEGIN IMMEDIATE')"
def others_can_write():
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
print(others_can_write())
with transaction.atomic():
    Author.objects.create(name="x")
    print(others_can_write())
    call_command("export_books", output="FILE", engine="ENGINE", verbosity=0)
    print(others_can_write())
"""


@pytest.mark.server
@pytest.mark.parametrize("engine", ["orm", "native"])
def test_the_locks_of_this_process_survive(database, tmp_path, engine):
    """Two copies of SQLite in one process would release each other's locks, and then two writers damage the file."""
    copy = shutil.copy(database, tmp_path / "library.sqlite3")
    code = LOCK.replace("FILE", str(tmp_path / "books.csv")).replace("ENGINE", engine)
    done = manage(copy, "shell", "-v0", "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "False", "False"]
    assert (tmp_path / "books.csv").read_bytes().count(b",979") == 20_000


@pytest.mark.server
def test_a_database_error_is_one_line(tmp_path):
    with closing(sqlite3.connect(tmp_path / "empty.sqlite3")) as connection:
        connection.execute("CREATE TABLE other (id)")
    done = manage(tmp_path / "empty.sqlite3", "export_books", "--engine=native", "-o", "-")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("CommandError: standard output was not written. The database says: ")
    assert "no such table: library_book" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.server
def test_an_error_without_a_text_has_a_name(database, tmp_path):
    (tmp_path / "nanoarrow.py").write_text("raise MemoryError")
    done = manage(database, "export_books", "--engine=native", "-o", "-", variables={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("The database says: MemoryError.\n") and done.stderr.count("\n") == 1


@pytest.mark.server
@pytest.mark.parametrize("sigchld", [signal.SIG_DFL, signal.SIG_IGN], ids=["as usual", "SIGCHLD is ignored"])
def test_a_killed_child_process_is_an_error_and_no_truncated_file(large_database, sigchld):
    """If a parent ignores SIGCHLD, so do its children, and Python can't get the exit code of a child."""
    command = [sys.executable, STEP / "manage.py", "export_books", "--engine=native", "-o", "-"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment(large_database)}
    options["preexec_fn"] = lambda: signal.signal(signal.SIGCHLD, sigchld)
    with subprocess.Popen(command, **options) as process:
        assert process.stdout.readline().startswith(b"title,")
        (child,) = psutil.Process(process.pid).children()
        child.kill()  # while both processes wait for us to read more
        _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.decode() == (
        "CommandError: standard output was not written. The database says: the process that reads it was killed.\n"
    )


@pytest.mark.server
def test_a_warning_of_the_child_process_is_not_an_error(database):
    done = manage(database, "export_books", "--engine=native", "-o", "-", variables={"PYTHONVERBOSE": "1"}, text=False)
    assert done.returncode == 0 and done.stdout.count(b",979") == 20_000


@pytest.mark.server
@pytest.mark.parametrize("engine", ["native", "orm"])
def test_when_the_reader_of_a_pipe_goes_away_no_process_is_left(large_database, engine):
    command = [sys.executable, STEP / "manage.py", "export_books", f"--engine={engine}", "-o", "-"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment(large_database)}
    with subprocess.Popen(command, **options) as process:
        assert process.stdout.readline().startswith(b"title,")
        family = psutil.Process(process.pid).children(recursive=True)
        process.stdout.close()
        assert process.wait() == 141
        assert process.stderr.read() == b""
    assert psutil.wait_procs(family, timeout=30)[1] == []


@pytest.mark.django_db
def test_where_it_cannot_be_used_it_says_why_and_auto_uses_the_orm(tmp_path):
    """In this test, the database is in memory."""
    call_command("export_books", output=tmp_path / "books.csv", verbosity=0)
    assert (tmp_path / "books.csv").exists()
    with pytest.raises(CommandError, match="--engine native can't be used here: it needs PostgreSQL or a SQLite file"):
        call_command("export_books", output=tmp_path / "other.csv", engine="native")


@pytest.mark.server
@pytest.mark.parametrize("missing", ["adbc_driver_sqlite", "nanoarrow"])
def test_without_its_packages_it_names_them(database, missing, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules['{missing}'] = None")
    options = {"variables": {"PYTHONPATH": str(tmp_path)}}
    done = manage(database, "export_books", "--engine=native", "-o", tmp_path / "books.csv", **options)
    message = "--engine native can't be used here: run `pip install adbc-driver-sqlite nanoarrow` first."
    assert (done.returncode, done.stderr) == (1, f"CommandError: {message}\n")
    assert manage(database, "export_books", "-o", tmp_path / "books.csv", **options).returncode == 0
