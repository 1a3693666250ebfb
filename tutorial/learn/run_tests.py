"""Run the tests of a step or an exercise on a copy of a learner's folder."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from tutorial import UserError
from tutorial.learn.assignments import Assignment
from tutorial.repo.step_changes import step_files, write_files

# Variables that the learner's shell may have for other purposes. With CI, pytest takes a skipped test for a failure.
# Without bytecode, each process that a test starts would compile the project again.
NOT_OURS = ("CI", "CELERY_", "DATA_DIR", "DATABASE_URL", "DJANGO_", "EMAIL_", "EXPORT_", "PYTEST_", "SITE_URL")
NOT_OURS += ("FORCE_COLOR", "PY_COLORS", "PYTHONDONTWRITEBYTECODE")

REACHED, FAILED, NOT_CHECKED, UNKNOWN = "reached", "failed", "not checked", "unknown"


@dataclass
class Result:
    """What is known about a folder. `trouble` is a sentence if its tests could not be run or could not finish."""

    assignment: Assignment
    folder: Path
    trouble: str = ""
    tests: dict = field(default_factory=dict)  # node id: (outcome, reason)
    collected: bool = False  # whether `tests` has all tests
    seconds: float = 0

    def of(self, goal, *outcomes):
        """The node ids of a goal's tests with one of these outcomes. With None for the goal, of all tests."""
        tests = (test for test, (outcome, _) in self.tests.items() if outcome in outcomes)
        return sorted(test for test in tests if not goal or goal.has(test))

    def state(self, goal):
        if self.of(goal, "failed"):
            return FAILED
        if not self.collected or self.of(goal, "expected"):
            return UNKNOWN
        return REACHED if self.of(goal, "passed") else NOT_CHECKED

    def goals(self, *states):
        return [goal for goal in self.assignment.task.goals if self.state(goal) in states]

    def is_complete(self):
        """Whether all goals that could be checked here are reached, and at least one was."""
        return bool(not self.trouble and self.goals(REACHED) and not self.goals(FAILED, UNKNOWN))


def check(assignment, folder, limit=180, changed=lambda result: None):
    """Run its tests on a copy of `folder`. Return a Result, after `limit` seconds at the latest.

    `changed(result)` is called about every tenth of a second, for example to print what is known so far.
    """
    began, result = time.monotonic(), Result(assignment, folder)
    with copy_of(assignment, folder) as copy, tempfile.TemporaryDirectory(prefix="outcomes-") as notes:
        runner = Runner(copy, began + limit, Path(notes) / "outcomes.jsonl", result, changed)
        try:
            runner.run()
        except subprocess.TimeoutExpired:
            result.trouble = f"The tests did not end within {limit} seconds. Does your code wait for something forever?"
        runner.read_outcomes()
    result.seconds = time.monotonic() - began
    return result


@contextmanager
def copy_of(assignment, folder):
    """The learner's files with our tests in the place of theirs, in a folder that is deleted in the end."""
    if not (folder / "manage.py").is_file():
        raise UserError(
            f"{folder} has no manage.py, so it is not a Django project. To begin: tutorial start {assignment.number}"
        )
    with tempfile.TemporaryDirectory(prefix="tutorial-check-", ignore_cleanup_errors=True) as place:
        copy = Path(place).resolve() / "project"
        ours = {"conftest.py", *(Path(file).parts[0] for file in assignment.test_files)}
        theirs = {name: text for name, text in step_files(folder).items() if Path(name).parts[0] not in ours}
        write_files(copy, theirs | assignment.test_files)
        yield copy


START = ("check", "makemigrations --check --dry-run --no-input", "migrate --verbosity=0")
MODELS_CHANGED = 11  # the exit code if the second of these fails


class Runner:
    """Runs processes in a learner's project until `deadline` (time.monotonic), and keeps `result` up to date."""

    def __init__(self, folder, deadline, outcomes, result, changed):
        self.folder, self.deadline, self.outcomes = folder, deadline, outcomes
        self.result, self.changed = result, changed
        now, began = step_files(folder), result.assignment.starter
        self.changed_files = sorted(name for name in now.keys() | began.keys() if now.get(name) != began.get(name))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}
        self.environment |= {"OUTCOMES": str(outcomes), "NO_COLOR": "1", "PYTHON_COLORS": "0"}
        self.starts = False  # of a project that doesn't start, no test counts

    @contextmanager
    def started(self, *arguments, **variables):
        """A Python process whose output goes into a file, `process.output`. Everything that it starts ends with it."""
        own = {"start_new_session": True} if os.name == "posix" else {}
        options = {"cwd": self.folder, "env": self.environment | variables, "stdin": subprocess.DEVNULL, **own}
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            options |= {"stdout": output, "stderr": subprocess.STDOUT}
            with subprocess.Popen([sys.executable, *arguments], **options) as process:
                process.output = output
                try:
                    yield process
                finally:
                    end(process)

    def wait(self, process, until=lambda: False):
        """Wait for its end, or until something is true. Return its exit code and its output."""
        while process.poll() is None and not until():
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
            self.read_outcomes()
            self.changed(self.result)
            if time.monotonic() > self.deadline:
                raise subprocess.TimeoutExpired(process.args, 0)
        process.output.seek(0)
        return process.returncode, process.output.read()

    def run(self):
        """Run the tests in one process first, and then those with servers.

        Tests of earlier steps run beside those with servers, which mostly wait.
        """
        start = self.started("-m", "tutorial.learn.run_commands", *START)
        with start as starting, self.pytest(self.result.assignment.carried, server=False) as testing:
            self.result.trouble = self.trouble_to_start(starting)
            self.starts = not self.result.trouble
            if self.starts:
                self.wait(testing, until=self.only_carried_are_left)
                with self.pytest_with_servers() as beside:
                    self.finish(testing)
                    if beside and not self.result.trouble:
                        self.finish(beside)

    def only_carried_are_left(self):
        own = [goal for goal in self.result.assignment.task.goals if not goal.carried]
        return self.result.collected and not any(self.waiting(goal, "") for goal in own)

    def waiting(self, goal, needs):
        """The tests of a goal that are still to come, and need nothing or a "server"."""
        return [test for test in self.result.of(goal, "expected") if self.result.tests[test][1] == needs]

    def pytest_with_servers(self):
        """The process for the tests with servers. None, if there is no such test."""
        tests = sum(len(self.waiting(goal, "server")) for goal in self.result.assignment.task.goals)
        if not tests:
            return nullcontext()
        # One more than two: many tests wait for a process, and leave a core to others.
        workers = min(3, tests) if (os.cpu_count() or 1) > 1 else 0
        return self.pytest([], True, f"-n{workers}", "--dist=load", "--maxschedchunk=1")

    def pytest(self, carried, server, *options):
        task = self.result.assignment.task
        command = ["-m", "pytest", "-c", "pytest.ini", "-q", "--tb=short", "-p", "no:cacheprovider", *options]
        command += ["-p", "tutorial.learn.outcomes_plugin", "--continue-on-collection-errors"]
        command += [f"--deselect={test}" for test in task.leaves_out if "::" in test]
        facts = {"server": server, "goals": [asdict(goal) for goal in task.goals], "changed": self.changed_files}
        return self.started(*command, *self.result.assignment.tests, *carried, CHECK=json.dumps(facts))

    def trouble_to_start(self, starting):
        """The line that matters, if the project cannot be imported or its tables cannot be made."""
        code, output = self.wait(starting)
        if code == MODELS_CHANGED and "Traceback" not in output:
            return "Your models have changed: python manage.py makemigrations"
        return self.line_that_matters(output) if code else ""

    def line_that_matters(self, output):
        """Of a traceback, the last place in the learner's own files, and the error; else the first error of a check."""
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        places = re.findall(rf'File "{re.escape(str(self.folder))}{re.escape(os.sep)}(.+?)", line (\d+)', output)
        if "Traceback" not in output and "ERRORS:" in lines:
            return lines[lines.index("ERRORS:") + 1]
        error = lines[-1] if lines else "It ended without a message."
        places = [place for place in places if place[0] != "manage.py"] or places
        return f"{places[-1][0]}, line {places[-1][1]}: {error}" if places else error

    def finish(self, testing):
        """Wait for pytest to end."""
        code, output = self.wait(testing)
        self.read_outcomes()
        if code not in (0, 1, 5):  # all tests passed, some failed, or none was selected
            errors = [line[2:].strip() for line in output.splitlines() if line.startswith("E ")]
            trouble = errors[-1] if errors else self.line_that_matters(output)
            self.result.trouble = trouble.replace(f"{self.folder}{os.sep}", "")
        self.changed(self.result)

    def read_outcomes(self):
        """Put what is known so far into the result: for each test its outcome and the reason."""
        text = self.outcomes.read_text("utf-8") if self.starts and self.outcomes.exists() else ""
        tests = {}
        for each in map(json.loads, text[: text.rfind("\n") + 1].splitlines()):
            known, new = tests.get(each["test"], ("",))[0], each["outcome"]
            if not (known == "failed" or (known and new in ("expected", "left out"))):
                tests[each["test"]] = new, each["reason"].replace(f"{self.folder}{os.sep}", "")
        self.result.collected = bool(tests.pop("", None))
        self.result.tests = tests


def end(process):
    """End it with everything that it has started. Ctrl-C first, so that tests can stop their servers."""
    if process.poll() is None:
        started = psutil.Process(process.pid).children(recursive=True)
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGINT)
            psutil.wait_procs([psutil.Process(process.pid)], timeout=10)
        for each in [process, *started]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(started, timeout=10)
        process.wait()
    if os.name == "posix":  # processes that it has left behind
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
