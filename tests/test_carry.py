"""`tutorial carry`: an edit of one step reaches all later ones, or a message names the file to edit by hand."""

import subprocess

import pytest

from tests.conftest import commit_all


@pytest.fixture
def carry(tutorial, small):
    """Runs the command in the small repository. Gives what it prints."""
    return lambda step, *options, code=0: tutorial("carry", step, "--root", small, *options, code=code).output


def edit(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_an_edit_is_copied_into_the_same_file_and_merged_into_another(carry, steps):
    edit(steps[0] / "models.py", "pass", "title = ''")
    changed = "changed steps/02_two/models.py\nchanged steps/03_three/models.py\n"
    assert carry("01") == f"{changed}Files carried: 2\n"
    assert {(step / "models.py").read_text("utf-8") for step in steps} == {"class Book:\n    title = ''\n"}
    assert carry("01") == "All later steps already have these edits.\n"
    edit(steps[0] / "views.py", "return 'a'", "return 'A'")
    carry("1")
    for step in steps[1:]:
        assert "return 'A'" in (views := (step / "views.py").read_text("utf-8")) and "def download" in views


def test_a_conflict_is_named_and_the_other_files_are_carried(carry, small, steps):
    edit(steps[1] / "views.py", "return 'a'", "return 'b'")
    commit_all(small)
    edit(steps[0] / "views.py", "return 'a'", "return 'c'")
    edit(steps[0] / "models.py", "pass", "title = ''")
    said = carry("01_one", code=1)
    assert "Conflict in steps/02_two/views.py, which was left as it is. Make the edit there by hand" in said
    assert "then run: tutorial carry 02_two\n" in said
    assert "return 'b'" in (steps[1] / "views.py").read_text("utf-8")
    assert "title" in (steps[2] / "models.py").read_text("utf-8")


def test_a_file_that_a_later_step_has_moved_is_named_and_a_test_that_it_retires_stays_away(carry, steps):
    edit(steps[0] / "spawn.py", "return 'f'", "return 'F'")
    assert carry("01", code=1).splitlines() == [
        "changed steps/02_two/spawn.py",
        "03_three has no spawn.py. It may have moved to runners/spawn.py. "
        "Make the edit there by hand, then run: tutorial carry 03_three",
    ]
    (steps[2] / "runners" / "spawn.py").unlink()
    edit(steps[0] / "tests" / "test_old.py", "pass", "assert True")
    said = carry("01", code=1)
    assert "03_three has no spawn.py. Make" in said and "changed steps/02_two/tests/test_old.py" in said
    assert not (steps[2] / "tests" / "test_old.py").exists()


def test_new_and_deleted_files_are_carried_and_a_steps_own_pages_are_not(carry, steps):
    (steps[0] / "new.py").write_text("NEW = 1\n")
    (steps[0] / "tests" / "test_views.py").unlink()
    edit(steps[0] / "README.md", "one", "the first")
    carry("01")
    for step in steps[1:]:
        assert (step / "new.py").is_file() and not (step / "tests" / "test_views.py").exists()
        assert "the first" not in (step / "README.md").read_text("utf-8")


def test_committed_edits_are_carried_since_a_commit(carry, small, steps):
    edit(steps[0] / "views.py", "return 'a'", "return 'A'")
    commit_all(small)
    edit(steps[0] / "models.py", "pass", "title = ''")
    edit(steps[0] / "views.py", "return 'd'", "return 'D'")
    carry("01", "--since", "HEAD~1")
    for step in steps[1:]:
        views = (step / "views.py").read_text("utf-8")
        assert "return 'A'" in views and "return 'D'" in views and "def download" in views
        assert "title" in (step / "models.py").read_text("utf-8")
    edit(steps[2] / "views.py", "return 'A'", "return 'X'")
    assert "then run: tutorial carry 03_three --since HEAD~1" in carry("01", "--since", "HEAD~1", code=1)


def test_what_it_cannot_carry_is_one_line(carry, small, tmp_path):
    says = "01_one has no edits since the last commit. For edits that you have committed, name an earlier commit"
    assert carry("01") == f"{says}: --since REF.\n"
    assert carry("01", "--since", "HEAD") == "01_one has no edits since HEAD.\n"
    assert carry("99", code=1) == "There is no step '99'. The steps are: 01_one, 02_two, 03_three.\n"
    assert carry("01", "--since", "nowhere", code=1) == "git can't help here: no commit 'nowhere'.\n"
    subprocess.run(["mv", small / ".git", tmp_path / "elsewhere"], check=True)
    assert "not a git repository" in carry("01", code=1)
