"""`tutorial affected`: what depends on a file of a step."""

import pytest

from tutorial.repo.step_changes import write_files

FILES = {
    "docs/01_one.md": "# One\n\n```listing\n01_one/views.py page_a\nhighlight: return\n```\n",
    "docs/deep/02_two.md": "    ```stepdiff\n    01_one 02_two views.py\n    ```\n",
    "docs/03_three.md": "```listing\n03_three/runners/spawn.py\n```\n\n```listing\n01_one/tests/test_views.py\n```\n",
    "tutorial/learn/goals/01.toml": '[[goal]]\nsays = "It lists."\ntests = ["tests/test_views.py::test_list"]\n',
    "tests/mistakes/02.toml": (
        '[[mistake]]\nname = "no page"\ncaught = ["tests/test_views.py::test_page"]\n'
        '[[mistake.change]]\nfile = "views.py"\nold = "a"\nnew = "b"\n'
    ),
    "exercises/02a_more/solution.diff": "--- a/views.py\n+++ b/views.py\n",
    "exercises/02b_else/solution.diff": "--- a/models.py\n+++ b/models.py\n",
}


@pytest.fixture
def affected(tutorial, small):
    """Runs the command in the small repository. Gives the lines that it prints."""
    write_files(small, FILES)
    return lambda name, code=0: tutorial("affected", name, "--root", small, code=code).output.splitlines()


def test_what_depends_on_a_file(affected, small):
    expected = [
        "02_two: different",
        "03_three: different",
        "docs/01_one.md:4: 01_one/views.py page_a",
        "docs/deep/02_two.md:2: 01_one 02_two views.py",
        'tests/mistakes/02.toml:5: file = "views.py"',
        "exercises/02a_more/solution.diff:1: --- a/views.py",
    ]
    for name in ("01/views.py", "steps/01_one/views.py", small / "steps" / "01_one" / "views.py"):
        assert affected(name) == expected
    assert affected("01/tests/test_views.py") == [
        "02_two: identical",
        "03_three: identical",
        "docs/03_three.md:6: 01_one/tests/test_views.py",
        'tutorial/learn/goals/01.toml:3: tests = ["tests/test_views.py::test_list"]',
        'tests/mistakes/02.toml:3: caught = ["tests/test_views.py::test_page"]',
    ]

    assert affected("1/tests/test_old.py") == ["02_two: identical", "03_three: missing"]
    assert affected("03/README.md") == ["Nothing depends on 03_three/README.md."]


def test_a_wrong_name_is_one_line(affected):
    assert affected("01/vews.py", code=1) == ["01_one has no file vews.py."]
    assert affected("views.py", code=1) == ["Name a file of a step, like 03/library/views.py, and not views.py."]
    assert affected("9/views.py", code=1)[0].startswith("There is no step '9'.")
