"""Every way to start pytest: at the root, for steps, files and tests, with options; and which tests run then."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tutorial import ROOT

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
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_root.py").write_text("def test_root(): pass\n")
    for name in ("01_first", "02_second", "03_third"):
        step = tmp_path / "steps" / name
        files = {"step.toml": "", "pytest.ini": INI, "app.py": f"NAME = {name!r}\n", "same.py": "", "package/a.py": ""}
        files |= {"tests/__init__.py": "", "tests/conftest.py": ""}  # of the same module names in each step
        files |= {"tests/test_own.py": OWN.format(name), "tests/test_carried.py": CARRIED}
        files |= {"moved.py": ""} if name == "01_first" else {}
        for file, text in files.items():
            (step / file).parent.mkdir(parents=True, exist_ok=True)
            (step / file).write_text(text)
    return tmp_path


def run(folder, *arguments, **environment):
    with start(folder, *arguments, **environment) as process:
        stdout = process.stdout.read()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout)


def start(folder, *arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_") and name != "CI"}
    # Without the plugins that these small steps don't need, each run takes half the time.
    clean |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin,tutorial.repo.pytest_plugin"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    options = {"text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=folder, env={**clean, **environment}, **options)


def counts(result):
    """What each pytest says at its end, in the order in which they ran."""
    return re.findall(r"^=+ (\d.*?) in [\d.]+s", result.stdout, re.MULTILINE)


def test_the_root_runs_its_own_tests_and_each_step_in_its_own_process(tree):
    result = run(tree)
    assert result.returncode == 0, result.stdout
    assert [count.partition(",")[0] for count in counts(result)] == ["1 passed", "5 passed", "4 passed", "4 passed"]
    assert re.findall(r"^(\w+) +passed", result.stdout, re.MULTILINE)[-3:] == ["01_first", "02_second", "03_third"]


# Each step leaves out the slow test. Steps 02 and 03 leave out the test of code that stays the same, too. They run the
# test of moved.py, because code that a step doesn't have counts as changed.
@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["steps/01_first", "steps/03_third"], ["5 passed, 1 deselected", "4 passed, 2 deselected"]),
        (["steps/01_first", "steps/03_third", "--all"], ["6 passed", "6 passed"]),
        (["steps"], ["5 passed, 1 deselected", *["4 passed, 2 deselected"] * 2]),
        (["-k", "two"], ["1 deselected", *["1 passed, 5 deselected"] * 3]),
        (["steps/02_second/tests/test_own.py", "steps/01_first/tests/test_own.py::test_two"], ["2 passed", "1 passed"]),
        (["steps/02_second/tests/test_carried.py"], ["3 passed, 1 deselected"]),
        (["steps/02_second/tests/test_carried.py::test_slow"], ["1 passed"]),
        (
            ["steps/02_second/tests/test_carried.py", "steps/02_second/tests/test_own.py::test_two"],
            ["4 passed, 1 deselected"],
        ),
        (["tests", "steps/01_first/tests/test_own.py"], ["1 passed", "2 passed"]),
        (["tests/test_root.py"], ["1 passed"]),
    ],
)
def test_what_is_named_runs(tree, arguments, expected):
    result = run(tree, *arguments, "-n0")
    assert result.returncode == 0, result.stdout
    assert counts(result) == expected


def test_a_step_can_be_run_from_inside(tree):
    result = run(tree / "steps" / "02_second", "-n0")
    assert counts(result) == ["4 passed, 2 deselected"]
    assert counts(run(tree / "steps" / "02_second", "--all", "-n0")) == ["6 passed"]


def test_a_whole_step_runs_two_tests_at_a_time(tree):
    assert counts(run(tree, "steps/01_first", "-n", "2"))[0].startswith("5 passed")
    if os.cpu_count() > 1:
        assert "3 workers" in run(tree, "steps/01_first", "-v").stdout
    for arguments in (["-n", "0"], ["-k", "two"], ["--pdb"]):
        assert "workers" not in run(tree, "steps/01_first", "-v", *arguments).stdout


def test_a_failing_step_fails_the_run_and_x_stops_there(tree):
    own = tree / "steps" / "02_second" / "tests" / "test_own.py"
    own.write_text("def test_own(): assert 1 == 2, 'spoiled'\ndef test_later(): pass\n")
    result = run(tree, "steps", "-n0")
    assert result.returncode == 1 and "AssertionError: spoiled" in result.stdout
    assert re.findall(r"^0\w+ +(\w+)", result.stdout, re.MULTILINE)[-3:] == ["passed", "FAILED", "passed"]
    result = run(tree, "steps", "-x", "-n0")
    assert result.returncode == 1 and "03_third" not in result.stdout


def test_what_a_step_prints_is_seen_while_it_runs(tree):
    waits = "import pathlib, time\ndef test_own():\n    while not pathlib.Path('go').exists(): time.sleep(0.05)\n"
    step = tree / "steps" / "01_first"
    (step / "tests" / "test_own.py").write_text(waits)
    with start(tree, "steps/01_first", "steps/02_second", "-n0") as process:
        for line in process.stdout:
            if "rootdir" in line:
                (step / "go").touch()  # without this line it would wait forever
    assert process.returncode == 0


def test_no_test_selected_is_no_success(tree):
    assert run(tree, "-k", "no_test_has_this_name").returncode == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    "code",
    [
        "import pytest\ndef test_own(): pytest.skip('no nginx')\n",
        "import pytest\npytest.importorskip('no_such_module_here')\ndef test_own(): pass\n",
    ],
)
def test_in_ci_a_skip_is_a_failure(tree, code):
    (tree / "tests" / "test_root.py").write_text(code)
    assert run(tree, "tests").returncode in (0, pytest.ExitCode.NO_TESTS_COLLECTED)
    result = run(tree, "tests", CI="true")
    assert result.returncode != 0
    assert "In CI a skipped test is a failure." in result.stdout


def test_another_worktree_uses_its_own_plugin_and_its_own_steps(tree):
    shutil.copytree(ROOT / "tutorial", tree / "tutorial", ignore=shutil.ignore_patterns("__pycache__"))
    plugin = tree / "tutorial" / "repo" / "pytest_plugin.py"
    plugin.write_text(plugin.read_text() + "\n\ndef pytest_report_header():\n    return f'Steps of {tutorial.ROOT}'\n")
    for folder, arguments in ((tree, ["tests"]), (tree / "steps" / "01_first", []), (tree, ["steps/02_second"])):
        result = run(folder, *arguments)
        assert f"Steps of {tree}" in result.stdout and result.returncode == 0, result.stdout
