"""`export_books` as a process: no server's clock, flat memory, and whole files whatever happens to it."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from http.client import IncompleteRead
from pathlib import Path

import psutil
import pytest

from tests.servers import STEP, environment, gunicorn, manage, peak_memory, wait_for

pytestmark = [
    pytest.mark.server,
    pytest.mark.covers("library/management/commands/export_books.py", "library/files.py", "library/book_csv.py"),
]


@contextmanager
def running(database, *arguments, **options):
    """`export_books`, begun."""
    command = [sys.executable, STEP / "manage.py", "export_books", *arguments]
    with subprocess.Popen(
        command, env=environment(database), stderr=subprocess.PIPE, text=True, preexec_fn=with_ctrl_c, **options
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def with_ctrl_c():
    """A shell's background and nohup ignore these signals, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def whole(large_database, tmp_path_factory):
    """The file of the large table, the seconds that writing it took, and the process's peak memory."""
    path = tmp_path_factory.mktemp("whole") / "books.csv"
    started = time.monotonic()
    with running(large_database, "-o", path, stdout=subprocess.DEVNULL) as process:
        with peak_memory(psutil.Process(process.pid)) as peak:
            assert process.wait() == 0, process.stderr.read()
    return path, time.monotonic() - started, peak[0]


def test_the_time_out_that_kills_the_download_does_not_matter_here(large_database, last_isbn, whole, tmp_path):
    timeout = 1  # second
    with gunicorn(
        large_database, tmp_path / "log", "--worker-class=sync", "--threads=1", f"--timeout={timeout}"
    ) as site:
        with pytest.raises((IncompleteRead, ConnectionError)):
            site.get("/books/download/")
    path, seconds, _ = whole
    assert seconds > timeout
    assert last_isbn in path.read_bytes()[-1_000:]


def test_the_same_bytes_as_the_streamed_download(large_database, whole, tmp_path):
    with gunicorn(large_database, tmp_path / "gunicorn.log") as site:
        assert site.get("/books/download/") == (200, whole[0].read_bytes())


@pytest.fixture(scope="session")
def small_peak(database, tmp_path_factory):
    """The most memory that the process has for 20,000 books: of three, as so short a peak can be overlooked."""
    path = tmp_path_factory.mktemp("small") / "books.csv"
    return max(peak(database, "--force", "-o", path) for _ in range(3))


def peak(database, *arguments):
    with running(database, *arguments, stdout=subprocess.DEVNULL) as process:
        with peak_memory(psutil.Process(process.pid)) as peak:
            assert process.wait() == 0, process.stderr.read()
    return peak[0]


def test_the_memory_is_the_same_for_any_table(whole, small_peak):
    assert whole[2] / small_peak < 1.2


@pytest.mark.parametrize("how", ["zip", "gzip"])
def test_a_compressed_file_is_never_in_memory_as_a_whole(large_database, small_peak, tmp_path, how):
    novels = peak(large_database, "--genre=novel", "--compress", how, "-o", tmp_path / "packed")  # some 15 MB, unpacked
    assert novels / small_peak < 1.2


def test_nothing_of_a_killed_export_has_the_name_of_a_whole_one(large_database, tmp_path):
    """SIGKILL and SIGTERM, three times each, at random moments between its first byte and its last."""
    novels = ("--genre=novel", "-o")
    assert manage(large_database, "export_books", *novels, tmp_path / "whole.csv").returncode == 0
    size = (tmp_path / "whole.csv").stat().st_size
    for number in range(6):
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
            assert (folder / "books.csv").stat().st_size == size  # it was faster than the signal: once more
            (folder / "books.csv").unlink()
        assert process.returncode == ends
        if how == signal.SIGTERM:
            assert list(folder.iterdir()) == []


def wait_until_written(process, folder, size):
    """Wait until a file is in the folder and has at least `size` bytes."""

    def written():
        assert process.poll() in (None, 0), process.stderr.read()
        with suppress(FileNotFoundError):  # it has just got its name
            return any(path.stat().st_size >= size for path in folder.iterdir())

    wait_for(written, f"{size:,.0f} bytes of an export")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_it_leaves_the_old_file_and_one_line(large_database, tmp_path, how):
    (tmp_path / "books.csv").write_text("old")
    with running(large_database, "--force", "-o", tmp_path / "books.csv", stdout=subprocess.PIPE) as process:
        wait_until_written(process, tmp_path, 1_000_000)
        process.send_signal(how)
        said, complained = process.communicate()
    assert (process.returncode, said) == (130, "")
    assert complained == f"CommandError: Stopped. {tmp_path / 'books.csv'} was not written.\n"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("books.csv", "old")]


def test_a_full_disk_leaves_the_old_file_and_one_line(database, tmp_path):
    import resource

    def small_files_only():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    (tmp_path / "books.csv").write_text("old")
    for arguments in ([], ["--compress=zip"], ["--compress=gzip"]):
        target = ["--force", "-o", tmp_path / "books.csv"]
        done = manage(database, "export_books", *target, *arguments, preexec_fn=small_files_only)
        assert done.returncode == 1
        assert done.stderr == f"CommandError: {tmp_path / 'books.csv'} cannot be written: File too large.\n"
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("books.csv", "old")]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which is on Linux only")
@pytest.mark.parametrize("books", [[], ["--published-to=1900-01-05"]], ids=["all", "so few that they wait in a buffer"])
def test_a_full_disk_behind_standard_output_is_one_line(database, books):
    with Path("/dev/full").open("wb") as full:
        streams = {"capture_output": False, "stdout": full, "stderr": subprocess.PIPE}
        done = manage(database, "export_books", "-o", "-", *books, **streams)
    assert done.returncode == 1
    assert done.stderr == "CommandError: standard output cannot be written: No space left on device.\n"


def test_a_closed_pipe_is_quiet(large_database, tmp_path):
    with running(large_database, "-o", "-", stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == "title,author,isbn,genre,language,published_on,pages,price\n"
        process.stdout.close()
        assert process.wait() != 0
        assert process.stderr.read() == ""


def test_the_file_is_there_also_when_nobody_hears_of_it(database, tmp_path):
    command = [sys.executable, STEP / "manage.py", "export_books", "-o", tmp_path / "books.csv"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, env=environment(database), stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "books.csv").read_bytes().count(b",979") == 20_000


@pytest.mark.parametrize("how", ["zip", "gzip"])
def test_a_compressed_file_can_go_into_a_pipe(database, how, tmp_path):
    done = manage(database, "export_books", "-o", "-", "--compress", how, text=False)
    assert done.returncode == 0 and re.match(rb"Wrote 20,000 books, [\d,]+ bytes", done.stderr)
    manage(database, "export_books", "-o", tmp_path / "books.csv")
    assert unpack(done.stdout, how, tmp_path) == (tmp_path / "books.csv").read_bytes()


def unpack(data, how, folder):
    """With the programs that a reader has, where they are installed; Python's modules made the file."""
    packed = folder / f"packed.{how}"
    packed.write_bytes(data)
    command = {"zip": [sys.executable, "-m", "zipfile", "-e", packed, folder / "out"], "gzip": ["gzip", "-dc", packed]}
    unpacked = subprocess.run(command[how], check=True, capture_output=True).stdout
    return unpacked or next((folder / "out").iterdir()).read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo terminal")
def test_a_terminal_shows_a_bar(large_database, tmp_path):
    import pty
    import termios

    ours, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    command = [sys.executable, STEP / "manage.py", "export_books", "-o", tmp_path / "books.csv"]
    with subprocess.Popen(command, env=environment(large_database), stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        try:
            while piece := os.read(ours, 1_000):
                shown += piece
        except OSError:  # which is how Linux says that the terminal is closed
            pass
        os.close(ours)
        assert process.wait() == 0
    shares = [int(share) for share in re.findall(rb"(\d+)%\|", shown)]
    assert shares == sorted(shares) and len(set(shares)) > 3 and shares[-1] == 100
    assert re.search(rb"Wrote [\d,]+ books", shown)
