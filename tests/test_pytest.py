"""Every way to start pytest: from the root, on one step or several, on a file, a test, with options."""

import os
import re
import shutil
import subprocess
import sys

import pytest

PYPROJECT = """
[tool.pytest.ini_options]
testpaths = ["steps"]
markers = ["server: real servers"]
"""
INI = "[pytest]\npythonpath = .\nfilterwarnings = error\nmarkers =\n    server: real servers\n"
FIRST = """
import os, pytest
def test_one(): pass
def test_two(): assert "LEAK" not in os.environ; os.environ["LEAK"] = "1"
@pytest.mark.server
def test_server():
    import subprocess, sys
    subprocess.run([sys.executable, "-m", "gunicorn", "--version"], check=True)
"""
SECOND = "def test_three(): pass"


@pytest.fixture
def tree(tmp_path):
    """A repository of three small steps: `app.py` has another value in each."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    for name in ("01_first", "02_second", "03_third"):
        tests = tmp_path / "steps" / name / "tests"
        tests.mkdir(parents=True)
        (tests.parent / "step.toml").write_text("")
        (tests.parent / "pytest.ini").write_text(INI)
        (tests.parent / "app.py").write_text(f"NAME = {name!r}\n")
        (tests / "test_first.py").write_text(FIRST)
        if name != "01_first":
            (tests / "test_second.py").write_text(SECOND)
        (tests / "__init__.py").write_text("")
        (tests / "conftest.py").write_text("")  # of the same module name in each step
        own = f"import app\ndef test_own(): assert app.NAME == {name!r}\n"
        (tests / "test_own.py").write_text(own)
    return tmp_path


def run(folder, *arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_") and name != "CI"}
    # Without the plugins that these small steps do not need, each run takes half the time.
    clean |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin,tutorial.repo.pytest_plugin"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**clean, **environment},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def summaries(result):
    """What each step's line in the summary says, without the time it took."""
    return dict(re.findall(r"^(0\d_[\w-]+): (.*?) in [\d.]+s", result.stdout, re.MULTILINE))


# 01 has added the test with a server; 03, the newest step, runs it too, by itself, as all steps are run.
ALL = {
    "01_first": "4 passed",
    "02_second": "4 passed, 1 deselected",
    "03_third": "4 passed, 1 deselected",
    "03_third-carried": "1 passed, 4 deselected",
}


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_the_root_runs_each_step_in_a_process_of_its_own(tree, workers):
    result = run(tree, *workers)
    assert result.returncode == 0, result.stdout
    assert summaries(result) == ALL


def test_several_steps(tree):
    result = run(tree, "steps/01_first", "steps/03_third")
    assert summaries(result) == {"01_first": "4 passed", "03_third": "4 passed, 1 deselected"}


def test_one_step_runs_as_itself(tree):
    result = run(tree, "steps/03_third")
    assert "rootdir: " + str(tree / "steps" / "03_third") in result.stdout
    assert "4 passed" in result.stdout
    assert "4 passed" in run(tree, "steps/03_third", "-n", "0").stdout
    assert "4 passed" in run(tree / "steps" / "03_third").stdout


def test_a_whole_step_runs_two_tests_at_a_time_and_says_with_what(tree):
    whole = run(tree, "steps/01_first").stdout
    if os.cpu_count() > 1:
        assert "bringing up nodes" in whole or "created: 2/2 workers" in whole
    assert "tiers: 1 server (gunicorn " in whole
    for arguments in (["-n", "0"], ["-k", "one"], ["--pdb"]):
        assert "workers" not in run(tree, "steps/01_first", *arguments).stdout


def test_browser_tests_are_for_the_newer_stack(tree):
    marked = "import pytest\n@pytest.mark.browser\ndef test_page(): pass\n"
    (tree / "steps" / "01_first" / "tests" / "test_browser.py").write_text(marked)
    ini = tree / "steps" / "01_first" / "pytest.ini"
    ini.write_text(ini.read_text().replace("real servers", "real servers\n    browser: a real browser"))
    found = run(tree, "steps/01_first").stdout
    if sys.version_info < (3, 12):
        assert "4 passed" in found and "left out: 1 browser (they run on Python 3.12" in found
    else:
        assert "5 passed" in found and "1 browser" in found


def test_tests_with_libreoffice_are_for_machines_that_have_it(tree):
    marked = "import pytest\n@pytest.mark.office\ndef test_sheet(): pass\n"
    (tree / "steps" / "01_first" / "tests" / "test_office.py").write_text(marked)
    ini = tree / "steps" / "01_first" / "pytest.ini"
    ini.write_text(ini.read_text().replace("real servers", "real servers\n    office: a real LibreOffice"))
    found = run(tree, "steps/01_first").stdout
    if shutil.which("soffice"):
        assert "5 passed" in found and "1 office" in found
    else:
        assert "4 passed" in found and "left out: 1 office (they run where LibreOffice is installed)" in found


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_files_and_tests_of_several_steps(tree, workers):
    files = ["steps/01_first/tests/test_own.py", "steps/02_second/tests/test_second.py::test_three"]
    result = run(tree, *files, *workers)
    assert result.returncode == 0, result.stdout
    assert summaries(result) == {"01_first": "1 passed", "02_second": "1 passed"}


def test_one_file_and_one_test(tree):
    assert "3 passed" in run(tree, "steps/02_second/tests/test_first.py").stdout
    assert "1 passed" in run(tree, "steps/02_second/tests/test_first.py::test_one").stdout


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_k_selects_inside_of_the_steps(tree, workers):
    result = run(tree, "-k", "three", *workers)
    assert result.returncode == 0, result.stdout
    assert summaries(result) == {
        "01_first": "4 deselected",
        "02_second": "1 passed, 4 deselected",
        "03_third": "1 passed, 4 deselected",
        "03_third-carried": "5 deselected",
    }
    assert run(tree, "-k", "no_test_has_this_name").returncode == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_step_can_be_left_out(tree):
    left = {name: told for name, told in ALL.items() if name != "03_third-carried"}
    assert summaries(run(tree, "--deselect=steps/03_third::03_third-carried")) == left


def test_m_selects_inside_of_the_steps(tree):
    assert summaries(run(tree, "-m", "server")) == {
        "01_first": "1 passed, 3 deselected",
        "02_second": "5 deselected",
        "03_third": "5 deselected",
        "03_third-carried": "1 passed, 4 deselected",
    }


def test_carried_runs_servers_everywhere(tree):
    assert summaries(run(tree, "--carried"))["02_second"] == "5 passed"
    assert "5 passed" in run(tree, "steps/02_second", "--carried").stdout
    assert "carried: 1 tests with servers came" in run(tree, "steps/02_second").stdout


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_a_failing_step_fails_the_run_and_shows_why(tree, workers):
    own = tree / "steps" / "02_second" / "tests" / "test_own.py"
    own.write_text("def test_own(): assert 1 == 2, 'spoiled'\ndef test_later(): pass\n")
    result = run(tree, *workers)
    assert result.returncode == 1
    assert "AssertionError: spoiled" in result.stdout
    assert summaries(result) == ALL | {"02_second": "1 failed, 4 passed, 1 deselected"}


def test_x_stops_in_the_step_and_after_it(tree):
    (tree / "steps" / "02_second" / "tests" / "test_first.py").write_text(
        "def test_one(): assert 0\ndef test_two(): pass"
    )
    result = run(tree, "-x")
    assert result.returncode == 1
    assert summaries(result) == {"01_first": "4 passed", "02_second": "1 failed, 1 deselected"} or summaries(
        result
    ) == {
        "01_first": "4 passed",
        "02_second": "1 failed",
    }


def test_a_warning_is_an_error(tree):
    own = tree / "steps" / "01_first" / "tests" / "test_own.py"
    own.write_text("import warnings\ndef test_own(): warnings.warn('old', DeprecationWarning)\n")
    assert run(tree).returncode == 1


@pytest.mark.parametrize("how", ["pytest.skip('no nginx')", "pytest.importorskip('no_such_module_here')"])
def test_in_ci_a_skip_is_a_failure(tree, how):
    own = tree / "steps" / "01_first" / "tests" / "test_own.py"
    own.write_text(f"import pytest\ndef test_own(): {how}\n")
    result = run(tree)
    assert result.returncode == 0
    assert summaries(result)["01_first"] == "3 passed, 1 skipped"
    assert "SKIPPED [1] tests/test_own.py" in result.stdout
    result = run(tree, CI="true")
    assert result.returncode == 1
    assert "In CI a skipped test is a failure." in result.stdout


def test_in_ci_a_file_that_skips_itself_is_a_failure(tree):
    own = tree / "steps" / "01_first" / "tests" / "test_own.py"
    own.write_text("import pytest\npytest.importorskip('no_such_module_here')\ndef test_own(): pass\n")
    assert run(tree).returncode == 0
    result = run(tree, CI="true")
    assert result.returncode == 1
    assert "In CI a skipped test is a failure." in result.stdout


def test_the_programs_of_a_tier_are_those_that_its_tests_started(tree):
    first = tree / "steps" / "01_first" / "tests" / "test_first.py"
    first.write_text(
        "import subprocess, sys, pytest\n@pytest.mark.server\ndef test_server():\n"
        "    subprocess.run([sys.executable, '-m', 'gunicorn', '--version'], check=True)\n"
    )
    result = run(tree)
    assert re.search(r"tiers: 1 server \(gunicorn \d+\.", result.stdout)
