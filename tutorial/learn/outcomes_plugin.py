"""The pytest plugin of `tutorial check`: selects the tests to run now, and writes down the outcome of each test.

The environment variable CHECK has JSON with three keys: `server` (run the tests with servers, or the others), `goals`
(see goals/__init__.py) and `changed` (the files that the learner has changed). A test of an earlier step doesn't run if
it needs a server, or if it covers no changed file.

OUTCOMES is the file to write to. Each line is a JSON object with `test` (a node id), `outcome` and `reason`. The reason
of a test that is expected is "server" if it needs one.
"""

import json
import os
from pathlib import Path

import pytest

from tutorial.learn.goals import Goal

LEFT_OUT = {
    "services": "needs PostgreSQL, Redis or another server",
    "browser": "needs Chromium",
    "slow": "takes too long",
    "trap": "shows a limit of this step that your code may not have",
}
ALSO_RUNS = {"services", "trap"}  # where a goal says so, these tests run. Without the service, pytest skips them.


CHECK = json.loads(os.environ["CHECK"])
GOALS = [Goal(**goal) for goal in CHECK["goals"]]


def write(test, outcome, reason=""):
    if "PYTEST_XDIST_WORKER" not in os.environ:  # the process that started the workers writes
        with Path(os.environ["OUTCOMES"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"test": test, "outcome": outcome, "reason": reason}) + "\n")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Keep the tests to run now, in the order of the goals. First write down all tests."""
    items.sort(key=lambda item: GOALS.index(goal_of(item)))
    reasons = {item: left_out(item) for item in items}
    for item in items:
        write(item.nodeid, "left out" if reasons[item] else "expected", reasons[item] or needs(item))
    write("", "collected")
    chosen = [item for item in items if not reasons[item] and bool(needs(item)) == CHECK["server"]]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def goal_of(item):
    return next(goal for goal in GOALS if goal.has(item.nodeid))


def needs(item):
    return "server" if item.get_closest_marker("server") else ""


def left_out(item):
    """Why the check doesn't run this test. An empty text if it does."""
    goal = goal_of(item)
    if goal.carried and (needs(item) or not covers_a_change(item)):
        return "tests of earlier steps with a server, or of unchanged code, don't run"
    marks = {mark.name for mark in item.iter_markers()}
    if item.name.startswith("test_trap_"):
        marks.add("trap")
    if item.nodeid.partition("[")[0] in goal.also_runs:
        marks -= ALSO_RUNS
    return next((reason for mark, reason in LEFT_OUT.items() if mark in marks), "")


def covers_a_change(item):
    """Whether it covers a file that the learner has changed. A test that doesn't say what it covers does."""
    mark = item.get_closest_marker("covers")
    return not mark or any(f"{file}/".startswith(f"{code}/") for code in mark.args for file in CHECK["changed"])


def pytest_runtest_logreport(report):
    # A test has three phases. Setup and teardown matter only if they go wrong.
    if report.when == "call" or not report.passed:
        write(report.nodeid, report.outcome, message(report.longrepr))


def pytest_collectreport(report):
    if report.failed:
        write(report.nodeid, "failed", message(report.longrepr))


def message(reason):
    """The message of an error, with the last place in the learner's code if it came from there."""
    if reason is None:
        return ""
    if isinstance(reason, tuple):  # of a skipped test: file, line, reason
        return str(reason[2]).removeprefix("Skipped: ")
    if crash := getattr(reason, "reprcrash", None):
        # An exception group, such as Hypothesis raises, has entries without a place.
        places = [getattr(entry, "reprfileloc", None) for entry in reason.reprtraceback.reprentries]
        own = [place for place in places if place and not place.path.startswith(("tests", "..", os.sep))]
        return f"{own[-1].path}, line {own[-1].lineno}: {crash.message}" if own else crash.message
    errors = [line[2:].strip() for line in str(reason).splitlines() if line.startswith("E ")]
    return errors[-1] if errors else str(reason).strip().rpartition("\n")[2]
