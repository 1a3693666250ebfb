"""Each runner of benchmarks/background.py runs a task in a real worker."""

import json
import sys

import pytest

from runners import NAMES, load, why_not
from runners.processes import Missing
from runners.session import Session
from runners.tables import seen
from tests.conftest import run
from tutorial import ROOT, find_step

sys.path.append(str(find_step("11")))  # for the library and our backends
with_servers = [pytest.mark.slow, pytest.mark.services]


def runners():
    """Yield each runner that this Python can run. Those that need a server are slow."""
    for name in NAMES:
        runner = load(name)
        if sys.version_info < getattr(runner, "PYTHON", (3, 11)):
            continue
        needs_server = hasattr(runner, "DATABASES") or hasattr(runner, "BROKER")
        if getattr(runner, "BROKER_OR_FILES", False) or not needs_server:
            yield pytest.param(name, "sqlite", False, id=name)
        else:
            database = getattr(runner, "DATABASES", ["sqlite"])[0]
            yield pytest.param(name, database, True, id=name, marks=with_servers)


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
