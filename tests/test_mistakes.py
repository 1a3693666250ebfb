"""Plausible wrong attempts at each step. `tutorial check` catches each by the tests meant for it, and by no other.

Of the others, those run that need no server and cover the changed code.
"""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from tutorial import all_steps, find_step
from tutorial.learn import assignments, goals, run_tests
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


@pytest.mark.slow
@pytest.mark.parametrize("step, mistake", [pytest.param(*each, id=f"{each[0]}-{each[1]['name']}") for each in EACH])
def test_the_right_tests_catch_a_wrong_attempt(step, mistake, tmp_path):
    attempt(step, mistake, tmp_path / "attempt")
    ours = assignments.of_step(find_step(step))
    also_runs = tuple(test for goal in ours.task.goals for test in goal.also_runs)
    caught = goals.Goal("these tests catch it", tuple(mistake["caught"]), (), also_runs)
    others = goals.Goal("other tests pass", tuple(ours.tests), (), carried=True)
    task = replace(ours.task, goals=[caught, others])
    assignment = replace(ours, task=task, starter=ours.solution, carried=[])
    result = run_tests.check(assignment, tmp_path / "attempt", limit=900)
    assert result.trouble == ""
    failed = {test.partition("[")[0] for test in result.of(None, "failed")}
    # `may` names tests with random input, or with a race, which find this mistake in most runs.
    assert failed - set(mistake.get("may", [])) == set(mistake["caught"]), result.tests


def test_each_step_has_three_that_fit_its_code(tmp_path):
    for step in all_steps():
        assert len(MISTAKES[step.name[:2]]) >= 3
    for number, (step, mistake) in enumerate(EACH):
        assert mistake["caught"]
        attempt(step, mistake, tmp_path / str(number))
