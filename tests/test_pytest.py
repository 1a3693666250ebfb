"""Every way to start pytest: at the root, for steps, files and tests, with options; and which tests run then."""

import os
import re
import shutil
import sys

import pytest

from tests import conftest
from tutorial import ROOT
from tutorial.repo.step_changes import write_files

PYPROJECT = "[tool.pytest.ini_options]\ntestpaths = ['tests', 'steps']\n"
INI = """
[pytest]
pythonpath = .
filterwarnings = error
markers =
    slow: takes long
    covers(*code): what it tests
"""
OWN = "import app\ndef test_own(): assert app.NAME == {!r}\ndef test_two(): pass\n"
CARRIED = """
import os, pytest
@pytest.mark.covers("same.py", "package")
def test_of_code_that_stays(): pass
@pytest.mark.covers("app.py")
def test_of_code_that_changes(): pass
@pytest.mark.covers("moved.py")
def test_of_code_that_moves(): pass
@pytest.mark.slow
def test_slow(): pass
"""


@pytest.fixture
def tree(tmp_path):
    """A repository of three small steps. Step 02 and 03 have another app.py each, and step 02 lacks moved.py."""
    write_files(tmp_path, {"pyproject.toml": PYPROJECT, "tests/test_root.py": "def test_root(): pass\n"})
    for name in ("01_first", "02_second", "03_third"):
        step = tmp_path / "steps" / name
        files = {"step.toml": "", "pytest.ini": INI, "app.py": f"NAME = {name!r}\n", "same.py": "", "package/a.py": ""}
        files |= {"tests/__init__.py": "", "tests/conftest.py": ""}  # of the same module names in each step
        files |= {"tests/test_own.py": OWN.format(name), "tests/test_carried.py": CARRIED}
        files |= {"moved.py": ""} if name == "01_first" else {}
        write_files(step, files)
    return tmp_path


def run(folder, *arguments, code=0, **environment):
    """Run pytest in the folder. Return what it prints, after it has ended with that exit code."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_") and name != "CI"}
    # Without the plugins that these small steps don't need, each run takes half the time.
    clean |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin,tutorial.repo.pytest_plugin"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return conftest.run(*command, code=code, cwd=folder, env=clean | environment).stdout


def counts(printed):
    """What each pytest says at its end, in the order in which they ran."""
    return re.findall(r"^=+ (\d.*?) in [\d.]+s", printed, re.MULTILINE)


# Each step leaves out the slow test. Steps 02 and 03 leave out the test of code that stays the same, too. They run the
# test of moved.py, because code that a step doesn't have counts as changed.
def test_the_root_runs_its_own_tests_and_each_step_in_its_own_process(tree):
    printed = run(tree, "-n0")
    assert counts(printed) == ["1 passed", "5 passed, 1 deselected", *["4 passed, 2 deselected"] * 2]
    assert re.findall(r"^(\w+) +passed", printed, re.MULTILINE)[-3:] == ["01_first", "02_second", "03_third"]


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ("steps/01_first steps/03_third --all", ["6 passed", "6 passed"]),
        ("-k two", ["1 deselected", *["1 passed, 5 deselected"] * 3]),
        ("steps/02_second/tests/test_own.py steps/01_first/tests/test_own.py::test_two", ["2 passed", "1 passed"]),
        ("steps/02_second/tests/test_carried.py", ["3 passed, 1 deselected"]),
        ("steps/02_second/tests/test_carried.py::test_slow tests", ["1 passed", "1 passed"]),
    ],
)
def test_what_is_named_runs(tree, arguments, expected):
    assert counts(run(tree, *arguments.split(), "-n0")) == expected


def test_a_step_can_be_run_from_inside_three_tests_at_a_time(tree):
    printed = run(tree / "steps" / "02_second", "-v")
    assert "3 workers" in printed or os.cpu_count() == 1
    for option in ("-ktwo", "--pdb"):
        assert "workers" not in run(tree / "steps" / "02_second", "-v", option)


def test_a_failing_step_fails_the_run_and_x_stops_there(tree):
    own = tree / "steps" / "02_second" / "tests" / "test_own.py"
    own.write_text("def test_own(): assert 1 == 2, 'spoiled'\ndef test_later(): pass\n")
    printed = run(tree, "steps", "-n0", code=1)
    assert "AssertionError: spoiled" in printed
    assert re.findall(r"^0\w+ +(\w+)", printed, re.MULTILINE)[-3:] == ["passed", "FAILED", "passed"]
    assert "03_third" not in run(tree, "steps", "-x", "-n0", code=1)


def test_no_test_selected_is_no_success_and_in_ci_a_skip_is_a_failure(tree):
    run(tree, "tests", "-k", "no_test_has_this_name", code=pytest.ExitCode.NO_TESTS_COLLECTED)
    (tree / "tests" / "test_root.py").write_text("import pytest\ndef test_own(): pytest.skip('no nginx')\n")
    (tree / "tests" / "test_more.py").write_text("import pytest\npytest.importorskip('no_such_module_here')\n")
    assert counts(run(tree, "tests", "-n0")) == ["2 skipped"]
    printed = run(tree, "tests", "-n0", CI="true", code=pytest.ExitCode.INTERRUPTED)
    assert "In CI a skipped test is a failure." in printed
    (tree / "tests" / "test_more.py").unlink()
    assert "In CI a skipped test is a failure." in run(tree, "tests", "-n0", CI="true", code=1)


def test_another_worktree_uses_its_own_plugin_and_its_own_steps(tree):
    shutil.copytree(ROOT / "tutorial", tree / "tutorial", ignore=shutil.ignore_patterns("__pycache__"))
    plugin = tree / "tutorial" / "repo" / "pytest_plugin.py"
    plugin.write_text(plugin.read_text() + "\n\ndef pytest_report_header():\n    return f'Steps of {tutorial.ROOT}'\n")
    assert f"Steps of {tree}" in run(tree / "steps" / "01_first", "-n0")
