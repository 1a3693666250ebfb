"""`export_books` as a process: no request timeout, constant memory, and complete files whatever happens."""

import os
import random
import re
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from http.client import IncompleteRead
from pathlib import Path

import psutil
import pytest

from tests.servers import STEP, environment, gunicorn, manage, peak_memory, wait_for
from tests.streams import download_until_the_timeout, warm_up

COMMAND = [f"library/{name}.py" for name in ("management/commands/export_books", "atomic_file", "output", "signals")]
pytestmark = [
    pytest.mark.server,
    pytest.mark.covers(*COMMAND, "library/book_csv.py"),
]


@contextmanager
def running(database, *arguments, **options):
    """Start `export_books`."""
    command = [sys.executable, STEP / "manage.py", "export_books", *arguments]
    with subprocess.Popen(
        command, env=environment(database), stderr=subprocess.PIPE, text=True, preexec_fn=with_ctrl_c, **options
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def with_ctrl_c():
    """Handle these signals. A shell's background jobs and nohup ignore them, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def whole(large_database, tmp_path_factory):
    """The file with all novels, and the peak memory of the process."""
    path = tmp_path_factory.mktemp("whole") / "books.csv"
    with running(large_database, "--genre=novel", "-o", path, stdout=subprocess.DEVNULL) as process:
        with peak_memory(psutil.Process(process.pid)) as peak:
            assert process.wait() == 0, process.stderr.read()
    return path, peak[0]


def test_the_timeout_that_ends_the_download_does_not_end_the_command(large_database, last_isbn, tmp_path):
    """Nobody reads what the server and the command send, until the server's timeout is over."""
    with gunicorn(large_database, tmp_path / "log", "--worker-class=sync", "--threads=1", "--timeout=1") as site:
        warm_up(site)
        with (
            running(large_database, "-o", "-", stdout=subprocess.PIPE) as command,
            download_until_the_timeout(site, site) as response,
        ):
            with pytest.raises((IncompleteRead, ConnectionError)):
                response.read()
            assert command.poll() is None
            assert last_isbn.decode() in command.stdout.read()


def test_the_same_bytes_as_the_streamed_download(large_database, whole, tmp_path):
    with gunicorn(large_database, tmp_path / "gunicorn.log") as site:
        assert site.get("/books/download/?genre=novel") == (200, whole[0].read_bytes())


@pytest.fixture(scope="session")
def small_peak(database, tmp_path_factory):
    """The most memory for 20,000 books. A test can miss such a short peak, so it takes the largest of three."""
    path = tmp_path_factory.mktemp("small") / "books.csv"
    return max(peak(database, "--force", "-o", path) for _ in range(3))


def peak(database, *arguments):
    with running(database, *arguments, stdout=subprocess.DEVNULL) as process:
        with peak_memory(psutil.Process(process.pid)) as peak:
            assert process.wait() == 0, process.stderr.read()
    return peak[0]


def test_the_memory_does_not_grow_with_the_number_of_books(whole, small_peak):
    assert whole[1] / small_peak < 1.2


@pytest.mark.parametrize("times", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_killed_command_leaves_no_incomplete_file_under_the_name(large_database, tmp_path, times):
    """SIGKILL and SIGTERM at random moments between the first and the last byte."""
    novels = ("--genre=novel", "-o")
    assert manage(large_database, "export_books", *novels, tmp_path / "whole.csv").returncode == 0
    size = (tmp_path / "whole.csv").stat().st_size
    for number in range(2 * times):
        folder = tmp_path / str(number)
        folder.mkdir()
        how, ends = [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 130)][number % 2]
        while True:
            with running(large_database, *novels, folder / "books.csv", stdout=subprocess.DEVNULL) as process:
                wait_until_written(process, folder, random.uniform(0, 0.95) * size)
                process.send_signal(how)
                process.wait()
            if not (folder / "books.csv").exists():
                break
            assert (folder / "books.csv").stat().st_size == size  # the command was faster than the signal, so try again
            (folder / "books.csv").unlink()
        assert process.returncode == ends
        if how == signal.SIGTERM:
            assert list(folder.iterdir()) == []


def wait_until_written(process, folder, size):
    """Wait until a file is in the folder and has at least `size` bytes."""

    def written():
        assert process.poll() in (None, 0), process.stderr.read()
        with suppress(FileNotFoundError):  # it has just been renamed
            return any(path.stat().st_size >= size for path in folder.iterdir())

    wait_for(written, f"{size:,.0f} bytes of an export")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_after_a_signal_the_old_file_and_one_line_remain(large_database, tmp_path, how):
    (tmp_path / "books.csv").write_text("old")
    with running(large_database, "--force", "-o", tmp_path / "books.csv", stdout=subprocess.PIPE) as process:
        wait_until_written(process, tmp_path, 1_000_000)
        process.send_signal(how)
        said, complained = process.communicate()
    assert (process.returncode, said) == (130, "")
    assert complained == f"CommandError: Stopped. {tmp_path / 'books.csv'} was not written.\n"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("books.csv", "old")]


def test_with_a_full_disk_the_old_file_and_one_line_remain(database, tmp_path):
    import resource

    def small_files_only():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    (tmp_path / "books.csv").write_text("old")
    target = ["--force", "-o", tmp_path / "books.csv"]
    done = manage(database, "export_books", *target, preexec_fn=small_files_only)
    assert done.returncode == 1
    assert done.stderr == f"CommandError: {tmp_path / 'books.csv'} can't be written: File too large.\n"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("books.csv", "old")]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which is on Linux only")
@pytest.mark.parametrize("unbuffered", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("books", [[], ["--published-to=1900-01-05"]], ids=["all", "so few that they stay in a buffer"])
def test_a_full_disk_behind_standard_output_is_one_line(database, books, unbuffered):
    with Path("/dev/full").open("wb") as full:
        streams = {"capture_output": False, "stdout": full, "stderr": subprocess.PIPE, "variables": unbuffered}
        done = manage(database, "export_books", "-o", "-", *books, **streams)
    assert done.returncode == 1
    assert done.stderr == "CommandError: standard output can't be written: No space left on device.\n"


@pytest.mark.parametrize("variables", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["buffered", "unbuffered"])
def test_a_file_that_takes_only_a_part_is_an_error(database, tmp_path, variables):
    """Unbuffered, Python's standard output writes what fits and reports no error."""
    import resource

    def small_files_only():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    with (tmp_path / "books.csv").open("wb") as file:
        streams = {"capture_output": False, "stdout": file, "stderr": subprocess.PIPE, "variables": variables}
        books = "--published-to=1909-12-31"  # one chunk, so that no second chunk gets the error
        done = manage(database, "export_books", "-o", "-", books, preexec_fn=small_files_only, **streams)
    assert done.returncode == 1
    assert done.stderr == "CommandError: standard output can't be written: File too large.\n"


def test_a_pipe_that_takes_only_a_part_is_an_error(database):
    """A pipe that doesn't block takes no more when its buffer is full. Unbuffered, Python reports no error."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    streams = {"capture_output": False, "stdout": writing, "stderr": subprocess.PIPE}
    done = manage(database, "export_books", "-o", "-", variables={"PYTHONUNBUFFERED": "1"}, **streams)
    os.close(reading)
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr == "CommandError: standard output can't be written: write could not complete without blocking.\n"


def test_a_closed_pipe_is_quiet(large_database, tmp_path):
    with running(large_database, "-o", "-", stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == "title,author,isbn,genre,language,published_on,pages,price\n"
        process.stdout.close()
        assert process.wait() != 0
        assert process.stderr.read() == ""


def test_when_the_message_cannot_be_printed_the_file_is_still_written(database, tmp_path):
    command = [sys.executable, STEP / "manage.py", "export_books", "-o", tmp_path / "books.csv"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, env=environment(database), stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "books.csv").read_bytes().count(b",979") == 20_000


def test_a_name_that_the_terminal_cannot_show_is_not_an_error(database, tmp_path):
    done = manage(database, "export_books", "-o", tmp_path / "bücher.csv", variables={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "b\\xfccher.csv" in done.stdout
    assert (tmp_path / "bücher.csv").exists()


@pytest.mark.covers(*COMMAND, "config")
def test_in_another_folder_it_uses_the_same_database(tmp_path):
    """A relative path in DATABASE_URL starts at the project's folder, so cron doesn't create an empty database."""
    (tmp_path / "here-only").mkdir()
    done = manage("sqlite:///here-only/site.sqlite3", "export_books", cwd=tmp_path)
    assert done.returncode == 1 and "unable to open database file" in done.stderr
    assert list(tmp_path.rglob("*.sqlite3")) == []


@pytest.mark.covers(*COMMAND, "config")
def test_the_time_zone_of_the_library_is_a_variable(database, tmp_path):
    for zone in ("Etc/GMT+12", "Etc/GMT-14"):  # 26 hours apart, so it's never the same day
        done = manage(database, "export_books", "--genre=novel", cwd=tmp_path, variables={"TIME_ZONE": zone})
        assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("books-*.csv"))) == 2


def closed(*descriptors):
    """Start the process with these standard streams closed, as some daemons do."""
    return {"preexec_fn": lambda: [os.close(number) for number in descriptors]}


def ignoring(*signals):
    return {"preexec_fn": lambda: [signal.signal(each, signal.SIG_IGN) for each in signals]}


STARTS = {
    "standard input is closed": closed(0),
    "standard output is closed": closed(1),
    "standard error is closed": closed(2),
    "all three are closed": closed(0, 1, 2),
    "the umask is 777": {"umask": 0o777},
    "SIGCHLD is ignored": ignoring(signal.SIGCHLD),
    "no signal is handled": ignoring(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE),
    "in /": {"cwd": "/"},
    "UTF-16": {"variables": {"PYTHONIOENCODING": "utf-16"}},
    "EBCDIC": {"variables": {"PYTHONIOENCODING": "cp037"}},
    "ASCII": {"variables": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}},
    "no such locale": {"variables": {"LC_ALL": "xx_YY.none"}},
    "optimized": {"variables": {"PYTHONOPTIMIZE": "2"}},
    "warnings are errors": {"variables": {"PYTHONWARNINGS": "error"}},
    "no folder for temporary files": {"variables": {"TMPDIR": "/no", "HOME": "/no"}},
}
OFTEN = ["standard output is closed", "all three are closed", "UTF-16"]  # the others are slow together


@pytest.mark.skipif(os.name != "posix", reason="Windows has other signals and streams")
@pytest.mark.parametrize(
    "start", [each if each in OFTEN else pytest.param(each, marks=pytest.mark.slow) for each in STARTS]
)
def test_however_it_is_started_the_file_is_complete(database, tmp_path, start):
    done = manage(database, "export_books", "-o", tmp_path / "books.csv", text=False, **STARTS[start])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "books.csv").read_bytes().count(b",979") == 20_000
    assert [path.name for path in tmp_path.iterdir()] == ["books.csv"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has other streams")
def test_a_closed_standard_output_is_one_line(database):
    done = manage(database, "export_books", "-o", "-", **closed(1))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "CommandError: standard output can't be written: it is closed.\n"


def test_a_database_that_cannot_be_opened_is_one_line(tmp_path):
    done = manage(tmp_path / "no folder" / "db.sqlite3", "export_books", "-o", tmp_path / "books.csv")
    assert done.returncode == 1
    assert done.stderr.endswith("books.csv was not written. The database says: unable to open database file.\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo terminal")
def test_a_terminal_shows_a_progress_bar(large_database, tmp_path):
    import pty
    import termios

    ours, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    command = [sys.executable, STEP / "manage.py", "export_books", "--genre=novel", "-o", tmp_path / "books.csv"]
    variables = {**environment(large_database), "TQDM_MININTERVAL": "0"}  # seconds between two updates
    with subprocess.Popen(command, env=variables, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        try:
            while piece := os.read(ours, 1_000):
                shown += piece
        except OSError:  # on Linux, this is how a closed terminal shows
            pass
        os.close(ours)
        assert process.wait() == 0
    shares = [int(share) for share in re.findall(rb"(\d+)%\|", shown)]
    assert shares == sorted(shares) and len(set(shares)) > 3 and shares[-1] == 100
    assert re.search(rb"Wrote [\d,]+ books", shown)
