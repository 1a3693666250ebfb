"""Each step grows out of the one before, just as its step.toml says, and its new tests need it."""

import pytest

from tutorial import all_steps
from tutorial.repo.step_changes import about, neighbours, passing_before, start_project, undeclared

STEPS = [pytest.param(step, before, id=step.name) for step, before in neighbours()]


@pytest.mark.parametrize("step, before", STEPS)
def test_step_toml_says_what_the_step_changes(step, before):
    assert undeclared(step, before) == []
    needed = {"title", "goal", "minutes", "demo", "adds", "changes", "removes", "retires", "teach"}
    assert needed <= about(step).keys() <= needed | {"runners"}


@pytest.mark.parametrize("step, before", STEPS)
def test_the_tests_that_a_step_adds_fail_without_it(step, before, tmp_path):
    before = before or start_project(tmp_path / "startproject")
    assert passing_before(step, before, tmp_path / "copy") == []


def first_two(root):
    first, second = all_steps(root)[:2]
    return second, first


def test_a_change_that_is_not_declared_is_found(doctored):
    step, before = first_two(doctored)
    assert undeclared(step, before) == []
    (step / "library" / "models.py").write_text("# spoiled")
    assert undeclared(step, before) == [f"{step.name} changes library/models.py, which step.toml does not say"]


def test_a_file_that_is_not_declared_is_found(doctored):
    step, before = first_two(doctored)
    (step / "library" / "extra.py").write_text("")
    assert undeclared(step, before) == [f"{step.name} adds library/extra.py, which step.toml does not say"]


def test_a_declared_change_that_is_none_is_found(doctored):
    step, before = first_two(doctored)
    (step / "library" / "urls.py").write_bytes((before / "library" / "urls.py").read_bytes())
    assert undeclared(step, before) == [f"{step.name}'s step.toml changes library/urls.py, which is not so"]


def test_a_test_that_is_lost_and_not_retired_is_found(doctored):
    step, before = first_two(doctored)
    (step / "tests" / "test_admin.py").unlink()
    toml = step / "step.toml"
    toml.write_text(toml.read_text("utf-8").replace("removes = []", 'removes = ["tests/test_admin.py"]'), "utf-8")
    assert undeclared(step, before) == [f"{step.name} removes tests/test_admin.py and does not retire it"]
    test = step / "tests" / "test_book_list.py"
    test.write_text(test.read_text("utf-8").replace("def test_filters(", "def check_filters("), "utf-8")
    assert f"{step.name} lost tests/test_book_list.py::test_filters and does not retire it" in undeclared(step, before)


def test_a_test_that_is_retired_and_still_there_is_found(doctored):
    step, before = first_two(doctored)
    toml = step / "step.toml"
    retired = '[retires]\n"tests/test_admin.py" = "why not"\n'
    toml.write_text(toml.read_text("utf-8").replace("[retires]\n", retired), "utf-8")
    assert undeclared(step, before) == [f"{step.name}'s step.toml retires tests/test_admin.py, which is not so"]


def test_what_using_a_step_leaves_in_its_folder_is_no_part_of_it(doctored):
    step, before = first_two(doctored)
    (step / ".venv" / "lib").mkdir(parents=True)
    (step / ".venv" / "lib" / "module.py").write_text("")
    (step / "db.sqlite3-wal").write_text("")
    assert undeclared(step, before) == []


def test_an_added_test_that_proves_nothing_is_found(doctored, tmp_path):
    step, before = first_two(doctored)
    for test in step.glob("tests/test_*.py"):
        if test.name != "test_download.py" and not (before / "tests" / test.name).exists():
            test.unlink()
    (step / "tests" / "test_broken.py").write_text("import no_such_module\n\n\ndef test_hidden():\n    pass\n")
    proof = step / "tests" / "test_download.py"
    proof.write_text(proof.read_text("utf-8") + "\n\ndef test_nothing():\n    assert True\n", "utf-8")
    assert passing_before(step, before, tmp_path / "copy") == ["tests/test_download.py::test_nothing"]
