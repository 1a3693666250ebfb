"""Plausible and wrong attempts at each step: `tutorial check` catches each by the tests meant for it, and no other."""

import os
import tomllib
from pathlib import Path

import pytest

from tutorial import find_step
from tutorial.learn import assignments, run_tests
from tutorial.repo.step_changes import copy_step

HERE = Path(__file__).parent / "mistakes"
EVERY_STEP = os.environ.get("EVERY_STEP")  # takes a quarter of an hour: weekly
MISTAKES = [
    pytest.param(find_step(file.stem), mistake, id=f"{file.stem}-{mistake['name'].replace(' ', '_')}")
    for file in sorted(HERE.glob("*.toml"))
    for mistake in tomllib.loads(file.read_text("utf-8"))["mistake"]
    if EVERY_STEP or file.stem in ("02", "07")
]


@pytest.mark.parametrize("step, mistake", MISTAKES)
def test_a_wrong_attempt_is_caught_by_the_tests_that_are_meant_for_it(step, mistake, tmp_path):
    folder = tmp_path / "attempt"
    copy_step(step, folder)
    for change in mistake["change"]:
        file = folder / change["file"]
        code = file.read_text("utf-8")
        assert code.count(change["old"]) == 1, f"{change['file']} has changed: renew this mistake"
        file.write_text(code.replace(change["old"], change["new"]), "utf-8")
    verdict = run_tests.check(assignments.of_step(step), folder, limit=900)
    assert verdict.trouble == ""
    assert {test.partition("[")[0] for test in verdict.failed()} == set(mistake["caught"]), verdict.came()


def test_there_are_three_for_each_step():
    for file in sorted(HERE.glob("*.toml")):
        mistakes = tomllib.loads(file.read_text("utf-8"))["mistake"]
        assert len(mistakes) >= 3 and all(mistake["caught"] for mistake in mistakes), file.name
    assert len(list(HERE.glob("*.toml"))) == 8
