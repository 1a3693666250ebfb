"""`tutorial carry`: an edit of one step reaches all later ones, or stops where it does not fit."""

import subprocess
import sys
from pathlib import Path

import pytest

from tutorial import all_steps

TUTORIAL = Path(sys.executable).with_name("tutorial")


def carry(step, root, code=0):
    """What the command prints. It ends with that exit code."""
    done = subprocess.run([TUTORIAL, "carry", step, "--root", root], capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def steps(doctored):
    return all_steps(doctored)


def edit(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_an_edit_of_a_file_that_is_the_same_everywhere(doctored, steps):
    edit(steps[0] / "library" / "models.py", "class Author", "# An edit.\nclass Author")
    said = carry("01", doctored)
    for step in steps:
        assert (step / "library" / "models.py").read_bytes() == (steps[0] / "library" / "models.py").read_bytes()
    assert "library/models.py" in said
    assert "Nothing to carry" in carry("01", doctored)


def test_an_edit_is_merged_into_a_file_that_later_steps_change(doctored, steps):
    edit(steps[0] / "library" / "views.py", "What a visitor of the library sees", "What a visitor sees")
    carry("1", doctored)
    for step in steps:
        assert "What a visitor sees" in (step / "library" / "views.py").read_text("utf-8")
    assert "def book_download" in (steps[-1] / "library" / "views.py").read_text("utf-8")


def test_a_conflict_is_named_and_leaves_the_later_file_alone(doctored, steps):
    edit(steps[1] / "library" / "book_csv.py", "def write_csv(queryset, file,", "def write_csv(books, out,")
    before = (steps[2] / "library" / "book_csv.py").read_bytes()
    said = carry("02_httpresponse", doctored, code=1)
    assert "Conflict in steps/03_streaming/library/book_csv.py" in said
    assert "tutorial carry 03_streaming" in said
    assert (steps[2] / "library" / "book_csv.py").read_bytes() == before


def test_new_and_deleted_files_are_carried_and_a_steps_own_pages_are_not(doctored, steps):
    (steps[0] / "library" / "new.py").write_text("NEW = 1\n")
    (steps[0] / "tests" / "test_admin.py").unlink()
    edit(steps[0] / "step.toml", "minutes", "minutes ")
    carry("01", doctored)
    for step in steps[1:]:
        assert (step / "library" / "new.py").is_file()
        assert not (step / "tests" / "test_admin.py").exists()
        assert "minutes =" in (step / "step.toml").read_text("utf-8")


def test_what_a_later_step_has_removed_stays_removed(doctored, steps):
    edit(steps[1] / "tests" / "test_blocking.py", "import re", "import re  # an edit")
    carry("02", doctored)
    assert not (steps[2] / "tests" / "test_blocking.py").exists()


def test_an_unknown_step_is_one_line(doctored):
    said = carry("99", doctored, code=1)
    assert said.startswith("There is no step '99'. The steps are: 01_models,")
