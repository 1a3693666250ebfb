"""A plugin of pytest that writes what became of each test, for `tutorial check` to put into words."""

import json
import os
from pathlib import Path

import pytest


class Verdicts:
    """One JSON object a line in the file that VERDICTS names: test, outcome, came (why it failed, or "")."""

    def __init__(self, path):
        self.path = path

    def pytest_runtest_logreport(self, report):
        # A test has three parts. The call tells how it went; the others tell only of what went wrong before or after.
        if report.when == "call" or not report.passed:
            self.write(report.nodeid, report.outcome, report.longrepr)

    def pytest_collectreport(self, report):
        if report.failed:
            self.write(report.nodeid, "failed", report.longrepr)

    def write(self, test, outcome, reason):
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"test": test, "outcome": outcome, "came": came(reason)}) + "\n")


def came(reason):
    """The message of an error, without where it was raised."""
    if reason is None:
        return ""
    if isinstance(reason, tuple):  # of a skipped test: file, line, reason
        return str(reason[2])
    if crash := getattr(reason, "reprcrash", None):
        return crash.message
    errors = [line[2:].strip() for line in str(reason).splitlines() if line.startswith("E ")]
    return errors[-1] if errors else str(reason).strip().rpartition("\n")[2]


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # the workers of pytest-xdist report to the process that started them
        config.pluginmanager.register(Verdicts(Path(os.environ["VERDICTS"])), "verdicts")
