"""The pytest plugin of `tutorial check`: selects the tests to run now, and writes down the outcome of each test.

The environment variable CHECK has JSON with three keys: `later` (run tests with servers and tests of earlier steps, or
the others), `goals` (see goals/__init__.py) and `changed` (the files that the learner has changed). A test of an
earlier step doesn't run if it needs a server, or if it covers no changed file.

OUTCOMES is the file to write to. Each line is a JSON object with `test` (a node id), `outcome` and `reason`.
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


class Selection:
    def __init__(self, check, write):
        self.later, self.changed, self.write = check["later"], check["changed"], write
        self.goals = [Goal(**goal) for goal in check["goals"]]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        """Keep the tests to run now, in the order of the goals. First write down all tests."""
        items.sort(key=lambda item: self.goals.index(self.goal(item)))
        reasons = {item: self.left_out(item) for item in items}
        for item in items:
            self.write(item.nodeid, "left out" if reasons[item] else "expected", reasons[item])
        self.write("", "collected")
        chosen = [item for item in items if not reasons[item] and self.is_later(item) == self.later]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen

    def goal(self, item):
        return next(goal for goal in self.goals if goal.has(item.nodeid))

    def is_later(self, item):
        return bool(self.goal(item).carried or item.get_closest_marker("server"))

    def left_out(self, item):
        """Why the check doesn't run this test. An empty text if it does."""
        goal = self.goal(item)
        if goal.carried and (item.get_closest_marker("server") or not self.covers_a_change(item)):
            return "tests of earlier steps with a server, or of unchanged code, don't run"
        marks = {mark.name for mark in item.iter_markers()}
        if item.name.startswith("test_trap_"):
            marks.add("trap")
        if item.nodeid.partition("[")[0] in goal.also_runs:
            marks -= ALSO_RUNS
        return next((reason for mark, reason in LEFT_OUT.items() if mark in marks), "")

    def covers_a_change(self, item):
        """Whether it covers a file that the learner has changed. A test that doesn't say what it covers does."""
        mark = item.get_closest_marker("covers")
        return not mark or any(f"{file}/".startswith(f"{code}/") for code in mark.args for file in self.changed)


class Outcomes:
    def __init__(self, write):
        self.write = write

    def pytest_runtest_logreport(self, report):
        # A test has three phases. Setup and teardown matter only if they go wrong.
        if report.when == "call" or not report.passed:
            self.write(report.nodeid, report.outcome, message(report.longrepr))

    def pytest_collectreport(self, report):
        if report.failed:
            self.write(report.nodeid, "failed", message(report.longrepr))


def message(reason):
    """The message of an error, without the place where it was raised."""
    if reason is None:
        return ""
    if isinstance(reason, tuple):  # of a skipped test: file, line, reason
        return str(reason[2]).removeprefix("Skipped: ")
    if crash := getattr(reason, "reprcrash", None):
        return crash.message
    errors = [line[2:].strip() for line in str(reason).splitlines() if line.startswith("E ")]
    return errors[-1] if errors else str(reason).strip().rpartition("\n")[2]


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    is_worker = hasattr(config, "workerinput")  # of pytest-xdist: the process that started it writes

    def write(test, outcome, reason=""):
        if not is_worker:
            with Path(os.environ["OUTCOMES"]).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"test": test, "outcome": outcome, "reason": reason}) + "\n")

    config.pluginmanager.register(Selection(json.loads(os.environ["CHECK"]), write), "selection")
    config.pluginmanager.register(Outcomes(write), "outcomes")
