"""`tutorial check`: the tests of a step or an exercise, run on a copy of a learner's folder."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tutorial import UserError, ignore_local
from tutorial.learn.assignments import Assignment, write

LEFT_OUT = "not services and not browser and not office"  # what a learner's machine need not have
# What the learner's shell has for other purposes. With CI a test that is left out would be one that failed.
COLORS = ("FORCE_COLOR", "PY_COLORS")
NOT_OURS = (*COLORS, "CI", "CELERY_", "DATA_DIR", "DATABASE_URL", "DJANGO_", "EMAIL_", "EXPORT_", "PYTEST_", "SITE_URL")


@dataclass
class Verdict:
    """What became of a folder. `trouble` is one sentence if its tests could not be run."""

    assignment: Assignment
    folder: Path
    trouble: str = ""
    tests: dict = field(default_factory=dict)  # node id: (outcome, what came instead)
    seconds: float = 0

    def failed(self, goal=None):
        """The node ids that failed, of a goal or of all."""
        failed = sorted(test for test, (outcome, _) in self.tests.items() if outcome == "failed")
        return [test for test in failed if goal is None or goal.has(test)]

    def came(self):
        """What came instead, for each test that failed."""
        return "\n".join(f"{test}: {self.tests[test][1]}" for test in self.failed())

    def reached(self, goal):
        return not self.trouble and not self.failed(goal)

    def passed(self):
        return [test for test, (outcome, _) in self.tests.items() if outcome == "passed"]


def check(assignment, folder, limit=180):
    """Run its tests on a copy of `folder`. Gives a Verdict, after `limit` seconds at the latest."""
    began, verdict = time.monotonic(), Verdict(assignment, folder)
    with copy_of(assignment, folder) as copy, tempfile.TemporaryDirectory(prefix="verdicts-") as notes:
        runner = Runner(copy, began + limit, Path(notes) / "verdicts.jsonl")
        try:
            verdict.trouble = runner.trouble_to_start()
            if not verdict.trouble:
                slow = [f"--deselect={test}" for test in assignment.task.leaves_out if "::" in test]
                verdict.tests, verdict.trouble = runner.run_tests([*assignment.tests, *slow])
        except subprocess.TimeoutExpired:
            verdict.trouble = f"It did not end within {limit} seconds. Does something wait for ever?"
            verdict.tests = runner.outcomes()
    verdict.seconds = time.monotonic() - began
    return verdict


@contextmanager
def copy_of(assignment, folder):
    """The learner's files with our tests in the place of theirs, in a folder that is deleted in the end."""
    if not (folder / "manage.py").is_file():
        raise UserError(
            f"{folder} has no manage.py, so it is no Django project. To begin: tutorial start {assignment.number}"
        )
    with tempfile.TemporaryDirectory(prefix="tutorial-check-", ignore_cleanup_errors=True) as place:
        copy = Path(place).resolve() / "project"
        try:
            copy_all(folder, copy)
            for name in {"conftest.py", *(Path(file).parts[0] for file in assignment.test_files)}:
                remove(copy / name)
            write(copy, assignment.test_files)
        except OSError as error:
            reason = error.args[0][0][2] if isinstance(error, shutil.Error) else error
            raise UserError(f"{folder} cannot be read: {reason}") from None
        yield copy


def copy_all(folder, copy):
    """A copy that may be written, with files in the place of links: what is done to it reaches nothing else."""
    local = ignore_local(folder)

    def without(at, names):
        dangling = {name for name in names if not (Path(at) / name).exists()}
        return {*local(at, names), *dangling, ".git"}

    shutil.copytree(folder, copy, ignore=without, copy_function=shutil.copyfile)
    for each in (copy, *copy.rglob("*")):
        if each.is_dir():
            each.chmod(0o700)


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class Runner:
    """Runs what has to be run in a learner's project until `deadline` (time.monotonic), then no longer."""

    def __init__(self, folder, deadline, verdicts):
        self.folder, self.deadline, self.verdicts = folder, deadline, verdicts
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}
        self.environment |= {"VERDICTS": str(verdicts), "PYTHONDONTWRITEBYTECODE": "1"}
        self.environment |= {"NO_COLOR": "1", "PYTHON_COLORS": "0"}  # what is said is read by us

    def run(self, *arguments):
        """The return code and all that Python says of `arguments`. Whatever it has started ends with it."""
        command = [sys.executable, *arguments]
        # Nobody would see a question.
        options = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
            "errors": "replace",
        }
        own = {"start_new_session": True} if os.name == "posix" else {}
        with subprocess.Popen(command, cwd=self.folder, env=self.environment, **options, **own) as process:
            try:
                said, _ = process.communicate(timeout=max(0, self.deadline - time.monotonic()))
                return process.returncode, said
            finally:
                end(process)

    def trouble_to_start(self):
        """The line that matters, if the project cannot be imported, or its tables not be made."""
        for arguments, advice in (
            (["check"], ""),
            (
                ["makemigrations", "--check", "--dry-run", "--no-input"],
                "Your models have changed: python manage.py makemigrations",
            ),
            (["migrate", "--verbosity=0"], ""),
        ):
            code, said = self.run("manage.py", *arguments)
            if code:
                if advice and "Traceback" not in said:
                    return advice
                return self.line_that_matters(said)
        (self.folder / "db.sqlite3").unlink(missing_ok=True)
        return ""

    def line_that_matters(self, said):
        """Of a traceback, the last place in the learner's own files, and the error; else the first error of a check."""
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        places = re.findall(rf'File "{re.escape(str(self.folder))}{re.escape(os.sep)}(.+?)", line (\d+)', said)
        if "Traceback" not in said and "ERRORS:" in lines:
            return lines[lines.index("ERRORS:") + 1]
        error = lines[-1] if lines else "It ended without a word."
        places = [place for place in places if place[0] != "manage.py"] or places
        return f"{places[-1][0]}, line {places[-1][1]}: {error}" if places else error

    def run_tests(self, tests):
        """The outcome of each test, and a sentence if pytest itself did not get as far."""
        command = ["-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "-p", "tutorial.learn.outcomes_plugin"]
        # A trap is what the step itself does not survive yet. A learner's code may.
        command += ["-m", LEFT_OUT, "-k", "not test_trap_", "--continue-on-collection-errors"]
        # One more than two: many tests wait for a process, which leaves a core to others.
        command += ["-n3", "--dist=worksteal"] if (os.cpu_count() or 1) > 1 else []
        code, said = self.run(*command, *tests)
        outcomes = self.outcomes()
        errors = [line[2:].strip() for line in said.splitlines() if line.startswith("E ")]
        if not outcomes or code not in (0, 1):  # neither "all passed" nor "some failed"
            return {}, errors[-1] if errors else self.line_that_matters(said)
        return outcomes, ""

    def outcomes(self):
        """What is known so far: for each test its outcome, and what came instead."""
        lines = self.verdicts.read_text("utf-8").splitlines() if self.verdicts.exists() else []
        outcomes = {}
        for each in map(json.loads, lines):
            if outcomes.get(each["test"], ("",))[0] != "failed":
                outcomes[each["test"]] = each["outcome"], each["came"].replace(f"{self.folder}{os.sep}", "")
        return outcomes


def end(process):
    """End it with all that it has started. A Ctrl-C first: it lets tests stop their servers."""
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
    if os.name == "posix":  # whom it has left behind
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
