"""`tutorial bench`: all ways run, the same rows are compared, and a way that gives others is found."""

import shutil
import subprocess
import sys

import pytest

from tutorial import ROOT

BENCH = [sys.executable, "-m", "tutorial.cli", "bench", "--books=3000", "--rounds=1"]


@pytest.mark.parametrize("kind, ways", [("file", 17), ("http", 7)])
def test_every_way_gives_the_same_rows(kind, ways):
    done = subprocess.run([*BENCH, f"--only={kind}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3,000 books as CSV" in done.stdout
    measured = done.stdout.count(" MB")
    assert measured in (ways, ways - 1)  # without pyarrow, which is large, its way is left out
    assert ("pyarrow is not installed" in done.stdout) == (measured == ways - 1) or kind == "http"


@pytest.mark.parametrize(
    "module, line, spoiled, complaint",
    [
        ("howto", "book.pages, book.price]", "book.pages, book.pages]", "gave other records than the ways before it"),
        ("lines", "raw=True", "raw=False", "gave other records than the ways before it"),
        ("pipes", "char(13, 10)", "char(10)", "gave other bytes than our ways before it"),
    ],
)
def test_a_way_that_gives_other_rows_is_found(module, line, spoiled, complaint, tmp_path):
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks")
    path = tmp_path / "benchmarks" / "ladder" / f"{module}.py"
    assert line in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace(line, spoiled), "utf-8")
    command = [sys.executable, "benchmarks/speed.py", "--books", "3000", "--rounds=1", "--only=file, sqlite"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert complaint in done.stderr
