"""`tutorial bench` runs all ways, compares their files, and finds a way that gives other rows."""

import json
import shutil
import sys

import pytest
from speed import merged

from tests.conftest import TUTORIAL, run
from tutorial import ROOT

BENCH = [TUTORIAL, "bench", "--rounds=1"]


@pytest.mark.slow
# The programs in C write 3,000 books before their memory can be measured.
@pytest.mark.parametrize(
    "kind, ways, books",
    [
        ("file", 19, 3_000),
        ("command", 8, 3_000),
        ("shell", 2, 100_000),
        ("http", 6, 3_000),
        ("lines, file, sqlite|C", 3, 100_000),
    ],
)
def test_every_way_gives_the_same_rows(kind, ways, books, tmp_path):
    command = [*BENCH, f"--books={books}", f"--only={kind},", f"--output={tmp_path / 'speed.json'}"]
    run(*command)
    measured = json.loads((tmp_path / "speed.json").read_text("utf-8"))["sizes"][str(books)]
    assert len(measured) == ways
    assert [key for key, way in measured.items() if not (way["seconds"] > 0 and way["peak_bytes"] > 1e6)] == []


def test_what_is_not_measured_stays_if_it_is_of_the_same_machine():
    sizes = {"10": {"shell": 1}, "3000": {"shell": 2, "native": 3}}
    before = {"machine": {"cores": 2}, "pages": {"/": 1}, "sizes": sizes}
    result = {"machine": {"cores": 2, "gcc": "12"}, "sizes": {"3000": {"native": 4}}}
    assert merged(before, result) == result | {
        "pages": {"/": 1},
        "sizes": {"10": {"shell": 1}, "3000": {"shell": 2, "native": 4}},
    }
    assert merged(before | {"machine": {"cores": 4}}, result) == result


def test_a_way_that_gives_other_rows_is_found(tmp_path):
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks")
    path = tmp_path / "benchmarks" / "ladder" / "lines.py"
    assert "raw=True" in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace("raw=True", "raw=False"), "utf-8")
    # Three ways: columns, batches and lines.
    command = [sys.executable, "benchmarks/speed.py", "--books=2000", "--rounds=1", "--only=s, file, sqlite"]
    failed = run(*command, f"--output={tmp_path / 'speed.json'}", cwd=tmp_path, code=1)
    assert "gave other rows than the ways before it" in failed.stderr
