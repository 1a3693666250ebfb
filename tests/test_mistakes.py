"""Plausible wrong attempts at each step. `tutorial check` catches each by the tests meant for it, and by no other.

Of files whose tests all need a server, and of files that don't cover the changed code, only those meant for it run.
"""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from tutorial import all_steps, find_step
from tutorial.learn import assignments, run_tests
from tutorial.repo.step_changes import copy_step

MISTAKES = {
    file.stem: tomllib.loads(file.read_text("utf-8"))["mistake"]
    for file in sorted((Path(__file__).parent / "mistakes").glob("*.toml"))
}
EACH = [(step, mistake) for step, mistakes in MISTAKES.items() for mistake in mistakes]


def attempt(step, mistake, folder):
    copy_step(find_step(step), folder)
    for change in mistake["change"]:
        file = folder / change["file"]
        code = file.read_text("utf-8")
        assert code.count(change["old"]) == 1, f"{change['file']} has changed: renew this mistake"
        file.write_text(code.replace(change["old"], change["new"]), "utf-8")


def those_that_can_catch(assignment, mistake):
    """Return the step's tests, but of files that can't catch the mistake only those that are meant to."""
    tests, changed = [], [change["file"] for change in mistake["change"]]
    for test in assignment.tests:
        file = test.partition("::")[0]
        if can_catch(assignment.test_files[file], changed):
            tests.append(test)
        else:
            tests += [each for each in mistake["caught"] if each in (test, file) or each.startswith(f"{test}::")]
    return tests


def can_catch(code, changed):
    """Return whether tests can run without a server, and cover the changed files or don't say what they cover."""
    marks = re.search(rb"^pytestmark = (.*?[\])])$", code, re.MULTILINE | re.DOTALL)
    if marks and b"mark.server" in marks[1]:
        return False
    covers = re.search(rb"mark\.covers\((.*?)\)", marks[1], re.DOTALL) if marks else None
    names = [name.as_posix() for file in map(Path, changed) for name in (file, *file.parents)]
    return not covers or any(f'"{name}"'.encode() in covers[1] for name in names)


@pytest.mark.slow
@pytest.mark.parametrize("step, mistake", [pytest.param(*each, id=f"{each[0]}-{each[1]['name']}") for each in EACH])
def test_the_right_tests_catch_a_wrong_attempt(step, mistake, tmp_path):
    attempt(step, mistake, tmp_path / "attempt")
    assignment = assignments.of_step(find_step(step))
    assignment = replace(assignment, tests=those_that_can_catch(assignment, mistake), carried=[])
    result = run_tests.check(assignment, tmp_path / "attempt", limit=900)
    assert result.trouble == ""
    failed = {test.partition("[")[0] for test in result.ended("failed")}
    # `may` names tests with random input, or with a race, which find this mistake in most runs.
    assert failed - set(mistake.get("may", [])) == set(mistake["caught"]), result.tests


def test_each_step_has_three_that_fit_its_code(tmp_path):
    for step in all_steps():
        assert len(MISTAKES[step.name[:2]]) >= 3
    for number, (step, mistake) in enumerate(EACH):
        assert mistake["caught"]
        attempt(step, mistake, tmp_path / str(number))
