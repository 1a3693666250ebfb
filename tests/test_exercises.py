"""The exercises: our solution of each passes its check, the code to begin with fails it, and every test has a goal."""

import shutil
import sys

import pytest

from tests.conftest import run
from tutorial import ROOT
from tutorial.learn import assignments, run_tests
from tutorial.repo.step_changes import write_files

EXERCISES = [pytest.param(folder, id=folder.name) for folder in assignments.all_exercises()]


@pytest.mark.slow
@pytest.mark.parametrize("folder", EXERCISES)
def test_our_solution_passes_and_the_code_to_begin_with_does_not(folder, tmp_path):
    task = assignments.of_exercise(folder)
    results = []
    for name, files in (("ours", task.solution), ("starter", task.starter)):
        write_files(tmp_path / name, files)
        results.append(run_tests.check(task, tmp_path / name, limit=900))
        assert results[-1].trouble == ""
    ours, starter = results
    assert ours.is_complete() and ours.goals(run_tests.REACHED) == task.task.goals, ours.tests
    assert starter.state(task.task.goals[-1]) == run_tests.FAILED
    for test in ours.tests:
        (goal,) = [goal for goal in task.task.goals if goal.has(test)]
        assert goal.hints and all(goal.hints)


def test_our_solutions_fit_their_steps_and_ruff_accepts_them(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in assignments.all_exercises():
        task = assignments.of_exercise(folder)
        changed = {name: code for name, code in task.solution.items() if task.starter.get(name) != code}
        write_files(tmp_path / folder.name, changed)
    for command in (["check", "--output-format=concise"], ["format", "--diff"]):
        run(sys.executable, "-m", "ruff", *command, "--no-cache", cwd=tmp_path)
