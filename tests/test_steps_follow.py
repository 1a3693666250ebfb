"""Each step grows out of the one before as its step.toml says, and its new tests fail without it."""

import pytest

from tutorial.repo.step_changes import about, neighbours, passing_before, start_project, undeclared

STEPS = [pytest.param(step, before, id=step.name) for step, before in neighbours()]


@pytest.mark.parametrize("step, before", STEPS)
def test_step_toml_says_what_the_step_changes(step, before):
    assert before is None or undeclared(step, before) == []
    needed = {"title", "goal", "minutes", "demo", "teach"}
    assert needed <= about(step).keys() <= needed | {"runners", "changes", "removes", "retires"}


@pytest.mark.slow
@pytest.mark.parametrize("step, before", STEPS)
def test_the_tests_that_a_step_adds_fail_without_it(step, before, tmp_path):
    before = before or start_project(tmp_path / "startproject")
    assert passing_before(step, before, tmp_path / "copy", "-n4") == []  # most of them wait for a timeout


def test_an_edit_that_was_not_carried_and_a_file_that_is_lost_are_found(steps):
    first, second, third = steps
    (first / ".venv" / "lib").mkdir(parents=True)
    (first / ".venv" / "lib" / "module.py").write_text("")  # what using a step leaves there is no part of it
    (first / "db.sqlite3-wal").write_text("")
    assert undeclared(second, first) == undeclared(third, second) == []
    (first / "models.py").write_text("# an edit")
    assert undeclared(second, first) == ["02_two changes models.py, which step.toml does not say"]
    (second / "models.py").write_text("# an edit")  # carried to one step only
    assert undeclared(second, first) == []
    assert undeclared(third, second) == ["03_three changes models.py, which step.toml does not say"]
    (second / "models.py").unlink()
    assert undeclared(second, first) == ["02_two has lost models.py, which step.toml does not say"]


def test_a_declared_change_and_a_declared_removal_that_are_none_are_found(steps):
    first, second, third = steps
    (second / "views.py").write_bytes((first / "views.py").read_bytes())
    (third / "spawn.py").write_bytes((second / "spawn.py").read_bytes())
    assert undeclared(second, first) == ["02_two/step.toml says that the step changes views.py, but it does not"]
    assert "03_three/step.toml says that the step removes spawn.py, but it does not" in undeclared(third, second)


def test_a_test_that_is_lost_or_retired_in_vain_is_found(steps):
    first, second, third = steps
    (second / "tests" / "test_views.py").write_text("def test_list():\n    pass\n")
    (second / "step.toml").write_text('changes = ["{views,tests/test_views}.py"]')  # two files
    assert undeclared(second, first) == ["02_two has lost tests/test_views.py::test_page, and does not retire it"]
    (second / "tests" / "test_views.py").unlink()
    (second / "step.toml").write_text('changes = ["views.py"]\nremoves = ["tests/test_views.py"]')
    assert undeclared(second, first) == ["02_two has lost tests/test_views.py, and does not retire it"]
    (third / "tests" / "test_old.py").write_bytes((second / "tests" / "test_old.py").read_bytes())
    assert "03_three/step.toml retires tests/test_old.py, but it is still there" in undeclared(third, second)


def test_an_added_test_that_proves_nothing_is_found(steps, tmp_path):
    first, second, _ = steps
    for step in (first, second):
        (step / "pytest.ini").write_text("[pytest]\n")
    (second / "tests" / "test_broken.py").write_text("import no_such_module\n\n\ndef test_hidden():\n    pass\n")
    proof = "from views import download\n\n\ndef test_download():\n    assert download\n"
    (second / "tests" / "test_download.py").write_text(proof)
    (second / "tests" / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    assert passing_before(second, first, tmp_path / "copy") == ["tests/test_nothing.py::test_nothing"]
