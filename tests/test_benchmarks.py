"""`tutorial bench` runs all ways and compares their files. Each runner of benchmarks/background.py runs a task."""

import json
import shutil
import sys

import pytest

from runners import NAMES, load, why_not
from runners.processes import Missing
from runners.session import Session
from runners.tables import seen
from speed import merged
from tests.conftest import TUTORIAL, run
from tutorial import ROOT, find_step

sys.path.append(str(find_step("11")))  # for the library and our backends


def runners():
    """Yield each runner that this Python can run. Those that need a server are slow."""
    for name in NAMES:
        runner = load(name)
        if sys.version_info < getattr(runner, "PYTHON", (3, 11)):
            continue
        database, marks = "sqlite", []
        needs_server = hasattr(runner, "DATABASES") or hasattr(runner, "BROKER")
        if servers := needs_server and not getattr(runner, "BROKER_OR_FILES", False):
            database, marks = getattr(runner, "DATABASES", ["sqlite"])[0], [pytest.mark.slow, pytest.mark.services]
        yield pytest.param(name, database, servers, id=name, marks=marks)


@pytest.mark.server
@pytest.mark.parametrize("name, database, servers", list(runners()))
def test_a_runner_runs_a_task_and_stops(name, database, servers, tmp_path):
    if reason := why_not(name):
        pytest.skip(reason)
    try:
        with Session(name, tmp_path, database, servers) as session:
            session.manage("run_first", "empty", "one")
            session.start_workers()
            session.wait_for("one", "end")
            assert len(session.seen("one", "start")) == 1
            assert all(worker.runs() for worker in session.workers)
    except Missing as missing:  # a server is not installed
        pytest.skip(str(missing))
    assert session.marked() == []


def compared(folder, *options):
    """What the results say of the runners."""
    command = [sys.executable, ROOT / "benchmarks" / "background.py", "--quick", "--database=sqlite"]
    run(*command, f"--output={folder / 'results.json'}", *options)
    return json.loads((folder / "results.json").read_text("utf-8"))["runners"]


@pytest.mark.slow
def test_the_results_have_each_measurement(tmp_path):
    measures = ("latency", "transaction", "kill_process", "exports")
    runners = compared(tmp_path, "--runners", "thread", "tasks_db", "--measure", *measures)
    assert {name: entry.get("errors", []) for name, entry in runners.items()} == {"thread": [], "tasks_db": []}
    assert runners["thread"]["transaction"][0]["starts_after_rollback"] is True
    assert runners["tasks_db"]["transaction"][0]["starts_after_rollback"] is False
    assert [click["done"] > click["answer"] > 0 for click in runners["tasks_db"]["latency"][0]] == [True, True]
    assert {entry["kill_process"][0]["outcome"] for entry in runners.values()} == {"not run again"}
    ends = runners["tasks_db"]["exports"][0].values()
    assert [(end["state"], end["files"], end["emails"], end["complete"]) for end in ends] == [("done", 1, 1, True)] * 4


def test_a_table_says_in_how_many_rounds_a_task_had_which_outcome():
    failed = {"outcome": "failed", "state": "FAILED", "seconds": 4}
    run = {"kill_worker": [failed, {**failed, "outcome": "not run again", "state": "RUNNING"}]}
    run["kill_worker"].append({**failed, "seconds": 6})
    said = seen(run, "kill_worker").replace("\N{NO-BREAK SPACE}", " ")
    assert said == "2 of 3: failed after 5 (4 to 6) s; 1 of 3: not run again (RUNNING)"


def test_a_runner_that_cannot_run_is_left_out_with_a_reason(tmp_path):
    reason = compared(tmp_path, "--runners", "procrastinate")["procrastinate"]["left_out"]
    assert reason.startswith(("Not installed: procrastinate", "It needs postgresql"))


@pytest.mark.slow
# The programs in C write 3,000 books before their memory can be measured.
@pytest.mark.parametrize(
    "kind, ways, books",
    [
        ("file", 21, 3_000),
        ("command", 8, 3_000),
        ("shell", 2, 100_000),
        ("http", 6, 3_000),
        ("lines, file, sqlite|C", 3, 100_000),
    ],
)
def test_every_way_gives_the_same_rows(kind, ways, books, tmp_path):
    options = [f"--books={books}", f"--only={kind},", f"--output={tmp_path / 'speed.json'}"]
    run(TUTORIAL, "bench", "--rounds=1", *options)
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


@pytest.mark.slow
def test_a_way_that_gives_other_rows_is_found(tmp_path):
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks")
    path = tmp_path / "benchmarks" / "ladder" / "lines.py"
    assert "raw=True" in path.read_text("utf-8")
    path.write_text(path.read_text("utf-8").replace("raw=True", "raw=False"), "utf-8")
    # Three ways: columns, batches and lines.
    command = [sys.executable, "benchmarks/speed.py", "--books=2000", "--rounds=1", "--only=s, file, sqlite"]
    failed = run(*command, f"--output={tmp_path / 'speed.json'}", cwd=tmp_path, code=1)
    assert "gave other rows than the ways before it" in failed.stderr
