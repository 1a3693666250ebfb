"""`tutorial affected`: what depends on a file of a step."""

from typer.testing import CliRunner

from tutorial.cli import app

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


def affected(name, small, code=0):
    """The lines that the command prints. It ends with that exit code."""
    for file, text in FILES.items():
        (small / file).parent.mkdir(parents=True, exist_ok=True)
        (small / file).write_text(text, "utf-8")
    done = CliRunner().invoke(app, ["affected", str(name), "--root", str(small)])
    assert done.exit_code == code, done.output
    return done.output.splitlines()


def test_what_depends_on_a_file_is_listed_by_kind(small):
    expected = [
        "Later steps",
        "  02_two: different",
        "  03_three: as in 02_two",
        "Pages that show it",
        "  docs/01_one.md:3 listing 01_one/views.py page_a",
        "  docs/deep/02_two.md:1 stepdiff 01_one 02_two views.py",
        "Exercises that change it",
        "  exercises/02a_more/solution.diff",
        "Wrong attempts at it",
        "  tests/mistakes/02.toml: no page",
    ]
    for name in ("01/views.py", "steps/01_one/views.py", small / "steps" / "01_one" / "views.py"):
        assert affected(name, small) == expected


def test_a_file_of_tests_has_goals_and_wrong_attempts(small):
    assert affected("01/tests/test_views.py", small) == [
        "Later steps",
        "  02_two: identical",
        "  03_three: identical",
        "Pages that show it",
        "  docs/03_three.md:5 listing 01_one/tests/test_views.py",
        "Goals with its tests",
        "  tutorial/learn/goals/01.toml: It lists.",
        "Wrong attempts at it",
        "  tests/mistakes/02.toml: no page",
    ]


def test_a_file_that_a_later_step_moves_or_retires(small):
    said = affected("01/spawn.py", small)
    assert "  03_three: missing; it may have moved: runners/spawn.py looks like it" in said
    assert "  docs/03_three.md:1 listing 03_three/runners/spawn.py" in said
    assert affected("1/tests/test_old.py", small) == ["Later steps", "  02_two: identical", "  03_three: retired"]


def test_a_file_that_nothing_depends_on(small):
    assert affected("03/README.md", small) == ["Nothing depends on 03_three/README.md."]


def test_a_wrong_name_is_one_line(small):
    assert affected("01/vews.py", small, code=1) == ["01_one has no file vews.py. Did you mean views.py?"]
    assert affected("01/nothing/like/it", small, code=1) == ["01_one has no file nothing/like/it."]
    assert affected("views.py", small, code=1) == ["Name a file of a step, like 03/library/views.py, and not views.py."]
    assert affected("9/views.py", small, code=1)[0].startswith("There is no step '9'.")
