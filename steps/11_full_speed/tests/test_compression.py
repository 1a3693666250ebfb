"""`export_books --compress` writes archives that other programs read."""

import gzip
import io
import random
import subprocess
import sys
import zipfile

import pytest
from django.core.management import call_command
from django.utils import timezone

from library.compression import compressed
from library.factories import BookFactory
from tests.servers import STEP, environment, manage, program

pytestmark = pytest.mark.covers("library/compression.py", "library/management/commands/export_books.py")


def unpacked(path, method):
    if method == "gzip":
        return gzip.decompress(path.read_bytes())
    if method == "zstd":
        import zstandard

        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes())).read()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return archive.read(f"books-{timezone.localdate()}.csv")


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["zip", "gzip", "zstd"])
def test_it_unpacks_to_the_same_bytes(tmp_path, method):
    BookFactory.create_batch(50)
    for path, options in ((tmp_path / "plain", {}), (tmp_path / "packed", {"compress": method})):
        call_command("export_books", output=path, verbosity=0, **options)
    assert unpacked(tmp_path / "packed", method) == (tmp_path / "plain").read_bytes()


@pytest.mark.parametrize("year", [1965, 1975, 2110])
@pytest.mark.parametrize("method", ["zip", "gzip", "zstd"])
def test_a_wrong_clock_is_not_an_error(monkeypatch, tmp_path, method, year):
    name = f"books-{timezone.localdate()}.csv"
    monkeypatch.setattr("time.localtime", lambda *seconds: (year, 6, 1, 12, 0, 0, 0, 0, 0))
    monkeypatch.setattr("time.time", lambda: (year - 1970) * 31_556_952.0)
    with (tmp_path / "packed").open("wb") as file, compressed(file, method, name) as target:
        target.write(b"abc")
    assert unpacked(tmp_path / "packed", method) == b"abc"


@pytest.mark.parametrize("method", ["zip", "gzip", "zstd"])
@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, OSError, MemoryError, GeneratorExit], ids=lambda error: error.__name__
)
def test_after_an_error_what_has_arrived_in_a_pipe_does_not_look_complete(tmp_path, method, error):
    """Otherwise `export_books --compress zip -o - | ssh ...` would leave an archive with half of the books."""
    with (
        pytest.raises(error),
        (tmp_path / "packed").open("wb") as file,
        compressed(file, method, "books.csv") as target,
    ):
        target.write(random.randbytes(1_000_000))
        raise error
    with pytest.raises((EOFError, zipfile.BadZipFile, AssertionError)):
        assert unpacked_bytes(tmp_path / "packed", method)


def unpacked_bytes(path, method):
    if method == "gzip":
        return gzip.decompress(path.read_bytes())
    if method == "zip":
        return zipfile.ZipFile(path)
    import zstandard

    decompressor = zstandard.ZstdDecompressor().decompressobj()
    decompressor.decompress(path.read_bytes())
    return decompressor.eof


@pytest.mark.server
@pytest.mark.parametrize("method, suffix", [("zip", ".zip"), ("gzip", ".gz"), ("zstd", ".zst")])
def test_the_default_name_says_how_it_is_compressed(database, tmp_path, method, suffix):
    done = manage(database, "export_books", f"--compress={method}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.iterdir()
    assert path.name == f"books-{timezone.localdate()}.csv{suffix}"
    assert unpacked(path, method).count(b",979") == 20_000


@pytest.mark.server
def test_a_full_disk_is_one_line_and_no_file(database, tmp_path):
    import resource

    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))  # noqa: E731
    done = manage(database, "export_books", "--compress=zip", "-o", tmp_path / "books.zip", preexec_fn=limit)
    assert done.returncode == 1
    assert done.stderr == f"CommandError: {tmp_path / 'books.zip'} can't be written: File too large.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.server
def test_a_terminal_gets_no_compressed_data(database):
    command = [sys.executable, STEP / "manage.py", "export_books", "--compress=gzip", "-o", "-"]
    in_a_terminal = [program("script"), "-qec", " ".join(map(str, command)), "/dev/null"]
    done = subprocess.run(in_a_terminal, env=environment(database), capture_output=True, text=True)
    assert done.returncode == 1
    assert "Refusing to write compressed data to a terminal. Use -o to name a file." in done.stdout


@pytest.mark.server
def test_zstd_without_its_package_is_one_line(database, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['zstandard'] = None")
    variables = {"PYTHONPATH": str(tmp_path)}
    done = manage(database, "export_books", "--compress=zstd", "-o", tmp_path / "books.zst", variables=variables)
    message = "--compress zstd needs a package. Run `pip install zstandard` first."
    assert (done.returncode, done.stderr) == (1, f"CommandError: {message}\n")
