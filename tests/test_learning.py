"""`tutorial start`, `check`, `hint`, `diff`, `status`, `doctor`, `branches`: the commands for learners."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from tutorial import ROOT, all_steps, find_step
from tutorial.learn import assignments, goals, progress, report, run_tests
from tutorial.learn.run_tests import FAILED, NOT_CHECKED, REACHED, UNKNOWN
from tutorial.repo import step_changes
from tutorial.repo.step_changes import added_tests, neighbours, step_files

TUTORIAL = Path(sys.executable).with_name("tutorial")
STEPS = [step.name[:2] for step in all_steps()]


@pytest.fixture
def place(tmp_path):
    """A folder to work in, whose name has what breaks careless code."""
    folder = tmp_path / "Zoë’s class, room 3"
    folder.mkdir()
    return folder


@pytest.fixture
def tutorial(place, monkeypatch):
    """Runs the command `tutorial` in that folder, with a memory of its own. Gives the ended process."""
    before = solutions()
    monkeypatch.setenv("TUTORIAL_PROGRESS", str(place / "progress.json"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments, code=0, **options):
        done = subprocess.run([TUTORIAL, *map(str, arguments)], cwd=place, capture_output=True, text=True, **options)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done

    yield run
    assert solutions() == before  # nothing in steps/ is ever written


def solutions():
    return {step.name: step_files(step) for step in all_steps()}


# What start gives.


@pytest.mark.parametrize("number", ["02", "09"])
def test_it_starts_with_the_end_of_the_step_before(tutorial, place, number):
    step = find_step(number)
    said = tutorial("start", number).stdout
    before = dict(neighbours())[step]
    given, ours = step_files(place / "learn" / step.name), step_files(before)
    assert given == {name: content for name, content in ours.items() if name not in ("step.toml", "README.md")}
    for goal in goals.read(step).goals:
        assert goal.says in said
    assert f"docs/{step.name}.md" in said and f"tutorial check {number}" in said


def test_the_first_step_starts_with_a_new_project(tutorial, place):
    tutorial("start", "1", place / "mine")
    assert {"manage.py", "config/settings.py", "library/models.py"} <= step_files(place / "mine").keys()


def test_a_folder_that_has_something_in_it_stays_as_it_is(tutorial, place):
    (place / "mine").mkdir()
    (place / "mine" / "thesis.txt").write_text("two years of work")
    said = tutorial("start", "02", "mine", code=1).stdout
    assert "already exists and is not empty" in said
    assert step_files(place / "mine") == {"thesis.txt": b"two years of work"}
    (place / "empty").mkdir()
    tutorial("start", "02", "empty")


@pytest.mark.parametrize("folder", ["file/mine", "/proc/mine"])
def test_a_folder_that_cannot_be_written_is_one_line(tutorial, place, folder):
    (place / "file").write_text("")
    said = tutorial("start", "02", folder, code=1).stdout
    assert len(said.splitlines()) == 1 and "cannot be written" in said


def test_the_solutions_are_no_place_to_learn_in(tutorial, place):
    (place / "link").symlink_to(ROOT / "steps")
    for folder in (ROOT / "steps" / "mine", "link/mine"):
        assert "is among the solutions" in tutorial("start", "02", folder, code=1).stdout
    assert "is among the solutions" in tutorial("demo", "02", "--folder", find_step("02"), code=1).stdout


def test_a_step_that_does_not_exist_is_one_line(tutorial):
    for command in ("start", "check", "hint", "diff"):
        assert "There is no step '12'. The steps are: 01_models" in tutorial(command, "12", code=1).stdout


# What check does, with a tiny project.


TINY = {
    "manage.py": "import os, sys\nfrom django.core.management import execute_from_command_line as execute\n"
    "os.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\nexecute(sys.argv)\n",
    "settings.py": "SECRET_KEY = 'x'\n"
    "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n",
    "answers.py": "one, two = 1, 2\n",
}
TINY_TESTS = {
    "pytest.ini": "[pytest]\npythonpath = .\nDJANGO_SETTINGS_MODULE = settings\naddopts = --strict-markers\n"
    "markers =\n    server: x\n    services: x\n    covers: x\n",
    "tests/test_earlier.py": """
import answers, pytest

def test_one():
    assert answers.one == 1

@pytest.mark.server
def test_server():
    raise Exception

@pytest.mark.covers("settings.py")
def test_settings():
    raise Exception

def test_trap_earlier():
    raise Exception
""",
    "tests/test_tiny.py": """
import answers, pytest

def test_one():
    assert answers.one == 1

@pytest.mark.server
def test_two():
    assert answers.two == 2

@pytest.mark.services
def test_three():
    raise Exception

def test_four():
    pytest.skip("needs the program nginx")

@pytest.mark.parametrize("service", ["files", pytest.param("redis", marks=pytest.mark.services)])
def test_trap_five(service):
    if service == "redis":
        pytest.skip("needs the program redis")
    assert answers.two == 2
""",
}


@pytest.fixture
def tiny(tmp_path):
    """Writes a tiny project with these changes, and checks it. Its five goals have a test each."""
    names = ("one", "two", "three", "four", "trap_five")

    def check(files=(), also_runs=(), carried=(), **options):
        tests = [f"tests/test_tiny.py::test_{name}" for name in names]
        all_goals = [
            goals.Goal(f"goal {name}", (test,), ("[try]",), (test,) if name in also_runs else ())
            for name, test in zip(names, tests, strict=True)
        ]
        if carried:
            all_goals.append(goals.Goal("earlier steps", tuple(carried), ("[try]",), carried=True))
        task = replace(
            assignments.find("02"),
            starter={name: text.encode() for name, text in TINY.items()},
            tests=["tests/test_tiny.py"],
            carried=list(carried),
            test_files={name: text.encode() for name, text in TINY_TESTS.items()},
            task=goals.Task(all_goals, [], []),
        )
        changed = TINY | dict(files)
        assignments.write(tmp_path / "tiny", {name: text.encode() for name, text in changed.items()})
        result = run_tests.check(task, tmp_path / "tiny", **options)
        return result, [result.state(goal) for goal in all_goals]

    return check


@pytest.fixture
def printed(monkeypatch, tmp_path):
    """What the report prints of a result."""
    monkeypatch.setattr(progress, "FILE", tmp_path / "progress.json")

    def report_of(result, first=None):
        console = Console(file=io.StringIO(), width=300)
        report.Report(result.assignment, console, first).end(result)
        return console.file.getvalue()

    return report_of


def test_a_goal_is_reached_only_if_one_of_its_tests_ran_and_passed(tiny, printed, monkeypatch):
    monkeypatch.setenv("CI", "true")  # where pytest takes a skipped test for a failure
    result, states = tiny()
    assert states == [REACHED, REACHED, NOT_CHECKED, NOT_CHECKED, NOT_CHECKED]
    assert result.is_complete()
    said = printed(result)
    assert "– goal three (not checked here: needs PostgreSQL, Redis or another server; run pytest steps/02_*)" in said
    assert "– goal four (not checked here: needs the program nginx" in said
    assert "2 of 2 goals checked here reached, 3 not checked.\nAll goals reached. Compare with our solution:" in said
    result.tests = dict.fromkeys(result.tests, ("skipped", ""))
    assert not result.is_complete()


def test_a_trap_or_a_test_with_a_service_runs_if_its_goal_says_so(tiny, printed):
    result, states = tiny(also_runs=["three", "trap_five"])
    assert states == [REACHED, REACHED, FAILED, NOT_CHECKED, REACHED]
    said = printed(result)
    assert "✗ goal three (1 of 1 tests failed)" in said
    assert "✓ goal trap_five (1 of 2 tests not run here: needs the program redis)" in said
    states = tiny({"answers.py": "one, two = 1, 3\n"}, also_runs=["trap_five"])[1]
    assert states == [REACHED, FAILED, NOT_CHECKED, NOT_CHECKED, FAILED]


EARLIER = ["tests/test_earlier.py"]


def test_tests_of_earlier_steps_run_unless_they_need_a_server_or_cover_unchanged_code(tiny, printed):
    result, states = tiny(carried=EARLIER)
    assert states[:2] + states[5:] == [REACHED, REACHED, REACHED]
    assert [test for test in result.passed() if test.startswith(EARLIER[0])] == [f"{EARLIER[0]}::test_one"]
    result, states = tiny({"answers.py": "one, two = 0, 2\n"}, carried=EARLIER)
    assert states[:2] + states[5:] == [FAILED, REACHED, FAILED]
    assert "✗ earlier steps (1 of 1 tests failed)" in printed(result)
    changed = TINY["settings.py"] + "X = 1\n"
    result, states = tiny({"answers.py": TINY["answers.py"], "settings.py": changed}, carried=EARLIER)
    assert [test for test in result.failed() if test.startswith(EARLIER[0])] == [f"{EARLIER[0]}::test_settings"]


def test_each_step_keeps_what_earlier_steps_do():
    assert assignments.find("01").carried == []
    for number, test in (
        ("03", "tests/test_download.py"),
        ("05", "tests/test_closing.py"),
        ("06", "tests/test_send_export.py"),
    ):
        task = assignments.find(number)
        assert test in task.carried and test not in task.tests
        assert task.task.goals[-1].carried and not [
            test for test in task.carried if "internals" in test or "cron" in test
        ]


def test_a_goal_is_known_before_the_tests_with_servers_end(tiny, tmp_path):
    """The second goal's test waits until the first goal has been reported."""
    waits = (
        f"import os, time\none = 1\n\ndef __getattr__(name):\n"
        f"    while name == 'two' and not os.path.exists({str(tmp_path / 'go')!r}):\n        time.sleep(0.05)\n"
        f"    if name == 'two':\n        return 2\n    raise AttributeError(name)\n"
    )

    def go(result):
        if result.tests and result.state(result.assignment.task.goals[0]) == REACHED:
            (tmp_path / "go").touch()

    assert tiny({"answers.py": waits}, changed=go)[1][:2] == [REACHED, REACHED]


def test_the_goal_that_failed_can_be_checked_first(tiny, printed):
    result, states = tiny({"answers.py": "one, two = 1, 3\n"}, first=1)
    assert states[:3] == [UNKNOWN, FAILED, NOT_CHECKED]
    assert "got       assert 3 == 2" in printed(result, first=1)
    assert tiny(first=1)[1][:3] == [REACHED, REACHED, NOT_CHECKED]


NOTHING = {"ini": "addopts = -k nothing", "toml": 'addopts = ["-k", "nothing"]'}
CONFIGURED = {
    "pytest.toml": f"[pytest]\n{NOTHING['toml']}",
    ".pytest.toml": f"[pytest]\n{NOTHING['toml']}",
    "pytest.ini": f"[pytest]\n{NOTHING['ini']}",
    ".pytest.ini": f"[pytest]\n{NOTHING['ini']}",
    "tests/pytest.ini": f"[pytest]\n{NOTHING['ini']}",
    "tox.ini": f"[pytest]\n{NOTHING['ini']}",
    "setup.cfg": f"[tool:pytest]\n{NOTHING['ini']}",
    "pyproject.toml": f"[tool.pytest.ini_options]\n{NOTHING['toml']}",
    "conftest.py": "def pytest_collection_modifyitems(items):\n    items.clear()\n",
    "tests/conftest.py": "def pytest_collection_modifyitems(items):\n    items.clear()\n",
}


@pytest.mark.parametrize(
    "name", [name if name == "pytest.toml" else pytest.param(name, marks=pytest.mark.slow) for name in CONFIGURED]
)
def test_a_configuration_of_pytest_does_not_replace_ours(tiny, name):
    assert tiny({name: CONFIGURED[name]})[0].is_complete()


def test_what_failed_before_the_time_was_over_is_printed(place, printed):
    tests = {"tests/test_cut_streams.py::test_x": ("failed", "AssertionError: assert 1 == 2")}
    trouble = "The tests did not end within 5 seconds."
    said = printed(run_tests.Result(assignments.find("03"), place, trouble, tests, collected=True))
    assert trouble in said and "0 of " in said
    assert "got       assert 1 == 2" in said


def test_brackets_in_a_hint_are_not_markup(place, printed):
    progress.FILE.write_text(json.dumps({"03_streaming": {"goal": 1, "hints": 2}}))
    tests = {"tests/test_streaming.py::test_the_first_books_arrive_long_before_the_last": ("failed", "")}
    said = printed(run_tests.Result(assignments.find("03"), place, "", tests, collected=True))
    assert "Hint: A list such as [chunk for chunk in csv_chunks(books)] reads all the books" in said


def test_a_test_can_have_its_own_hint(place, printed):
    test = "tests/test_csv_chunks.py::test_each_book_is_in_one_chunk"
    result = run_tests.Result(assignments.find("03"), place, "", {test: ("failed", "")}, collected=True)
    assert "Hint: After each yield, empty the buffer" in printed(result)
    assert progress.read(result.assignment)["hints"] == 0


def test_without_tests_no_hint_is_given_and_the_goals_stay_as_they_were(place, printed):
    task = assignments.find("03")
    progress.remember(task, goal=2, hints=1, reached=4, goals=6)
    said = printed(run_tests.Result(task, place, "library/views.py, line 1: SyntaxError: invalid syntax"))
    assert "SyntaxError" in said and "Correct this error" in said and "Hint" not in said and " of 6" not in said
    assert progress.read(task)["reached"] == 4


def test_tests_that_cannot_be_imported_reach_no_goal(tiny, printed):
    result, states = tiny({"answers.py": "from settings import nothing\n"})
    assert states == [FAILED] * 5
    assert "tests/test_tiny.py can be run" in (said := printed(result))
    assert "got       ImportError: cannot import name 'nothing' from 'settings'" in said


# What check says of a learner's code.


@pytest.mark.slow
@pytest.mark.parametrize("number", STEPS)
def test_our_own_code_reaches_every_goal(tutorial, number):
    """tests/test_steps_follow.py shows that the code to start from doesn't: the step's tests fail on it."""
    said = tutorial("check", number, find_step(number), "--limit=900").stdout
    assert "All goals reached." in said and "✗" not in said


@pytest.mark.parametrize("number", STEPS)
def test_each_test_of_a_step_belongs_to_one_goal(number):
    step = find_step(number)
    task, files, before = goals.read(step), step_files(step), dict(neighbours())[step]
    assert all(goal.hints and all(goal.hints) for goal in task.goals)
    for goal in task.goals:
        in_goal = {test for name in goal.tests for test in step_changes.tests_in(files[name.partition("::")[0]])}
        assert goal.hint_for.keys() <= in_goal
    for added in added_tests(step, before):
        for test in [added] if "::" in added else [f"{added}::{test}" for test in step_changes.tests_in(files[added])]:
            owners = [goal.says for goal in task.goals if goal.has(test)]
            is_left_out = test.startswith(tuple(task.leaves_out) or "-")
            assert len(owners) == 1 or (is_left_out and not owners), (test, owners)
    for test in {test for goal in task.goals for test in goal.tests} | {out for out in task.leaves_out if "::" in out}:
        file, _, function = test.partition("::")
        assert function.partition("[")[0] in ("", *step_changes.tests_in(files[file])), test
    for goal in task.goals:
        for test in goal.also_runs:
            file, _, function = test.partition("::")
            assert goal.has(test) and function in step_changes.tests_in(files[file]), test


@pytest.fixture
def solved(place):
    """Puts our solution of exercise 01a, which is checked in a few seconds, into a folder."""

    def put(name):
        assignments.write(place / name, assignments.find("01a").solution)
        return place / name

    return put


def spoil(folder):
    """Let the filter of exercise 01a look at another field. Returns the file."""
    filters = folder / "library" / "filters.py"
    filters.write_text(
        re.sub(r"( +language = django_filters.ChoiceFilter\()", r'\1field_name="genre", ', filters.read_text())
    )
    return filters


def test_it_watches_a_folder_and_begins_with_the_goal_that_failed(tutorial, place, solved):
    mine = solved("mine")
    repaired = (mine / "library" / "filters.py").read_text()
    filters = spoil(mine)
    heed = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    command = [TUTORIAL, "check", "01a", mine, "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=heed) as process:
        try:
            said = until("Save a file", process)
            assert "✗ ?language=el" in said and "expected  the list is filtered by language" in said
            assert "got       " in said and "Hint: BookFilter is the only place" in said
            assert (
                "1 of 2: BookFilter is the only place" not in tutorial("hint", "01a").stdout
            )  # that was the first one
            assert re.search(r"01a .* 1 of 2 .*mine", tutorial("status").stdout)
            filters.write_text(repaired)
            assert re.search(
                r"library/filters.py.*✓ \?language=el.*All goals reached", until("Save a file", process), re.DOTALL
            )
            process.send_signal(signal.SIGINT)
            # A signal that comes while a line is printed makes rich print that line once more.
            assert (
                process.stdout.read().strip().removeprefix("Save a file to check again. Press Ctrl-C to stop.\n")
                == "Stopped."
            )
        finally:
            process.kill()  # it would watch forever after a failed assertion
    assert process.returncode == 130


def until(words, process):
    """What the process prints until a line with these words."""
    printed = ""
    while words not in printed:
        line = process.stdout.readline()
        assert line, printed
        printed += line
    return printed


LINE = r", line \d+: "
BROKEN = {
    "a wrong name": ("library/urls.py", "views.book_list", "views.x", rf"library/urls\.py{LINE}AttributeError"),
    "no migration": ("library/models.py", "max_length=300", "max_length=301", r"Your models have changed: python"),
    "a word too many": ("library/views.py", "def ", "def def ", rf"library/views\.py{LINE}SyntaxError: "),
    "a missing app": (
        "config/settings.py",
        '"library",',
        '"libary",',
        r"ModuleNotFoundError: No module named 'libary'",
    ),
    "a wrong option": ("library/models.py", '"books"', '"bo-oks"', r"\(fields\.E306\)"),
    "a bad migration": ("library/migrations/0001_initial.py", "operations = [", "operations = [1,", "AttributeError"),
}


@pytest.mark.parametrize(
    "name", [*list(BROKEN)[:2], *(pytest.param(each, marks=pytest.mark.slow) for each in list(BROKEN)[2:])]
)
def test_a_project_that_does_not_start_is_the_line_that_matters(tutorial, solved, name):
    file, old, new, expected = BROKEN[name]
    code = solved("mine") / file
    code.write_text(code.read_text().replace(old, new, 1))
    said = tutorial("check", "01a", "mine", code=1).stdout
    trouble = said.partition("The tests could not be run:\n")[2].partition("\n\n")[0]
    assert re.search(expected, trouble) and len(trouble.splitlines()) == 1, said
    assert "tutorial-check" not in said  # a folder that the learner does not know


@pytest.mark.slow
def test_no_question_is_asked_that_nobody_sees(tutorial, place, solved):
    """A field with another name, on a terminal: makemigrations would ask whether it is the same one."""
    for code in (solved("mine") / "library").glob("*.py"):
        code.write_text(code.read_text().replace("price", "cost"))
    other, terminal = os.openpty()
    with os.fdopen(other, "wb"), os.fdopen(terminal, "rb") as stdin:
        assert "Your models have changed" in tutorial("check", "01a", "mine", "--limit=60", code=1, stdin=stdin).stdout


def test_a_folder_without_a_project_is_one_line(tutorial, place):
    assert "has no manage.py" in tutorial("check", "02", place, code=1).stdout
    assert "There is no folder nowhere." in tutorial("check", "02", "nowhere", code=1).stdout
    assert "Which folder? Name it, or begin with: tutorial start 02" in tutorial("check", "02", code=1).stdout
    assert "--watch is for one folder" in tutorial("check", "02", place, "--watch", "--csv", code=1).stderr


def test_a_copy_is_checked_that_leads_to_nothing_else(tutorial, place, solved):
    """With links to our tests, files that may not be written, and a package called as what we leave out."""
    mine, elsewhere = solved("mine"), place / "elsewhere"
    shutil.rmtree(mine / "tests", ignore_errors=True)
    (mine / "tests").symlink_to(find_step("07") / "tests")
    (mine / "library").rename(elsewhere)
    (mine / "library").symlink_to("../elsewhere")
    (elsewhere / "data").mkdir()
    (elsewhere / "data" / "__init__.py").touch()
    (mine / "gone").symlink_to("nowhere")
    for path in (*elsewhere.rglob("*"), mine / "config" / "settings.py"):
        path.chmod(0o500 if path.is_dir() else 0o400)
    before = step_files(elsewhere)
    with run_tests.copy_of(assignments.find("01a"), mine) as copy:
        assert (copy / "library" / "data" / "__init__.py").is_file()
        assert (copy / "tests" / "exercise").is_dir() and not (copy / "tests" / "test_download.py").exists()
        assert not [path for path in copy.rglob("*") if path.is_symlink() or not path.stat().st_mode & 0o200]
        (copy / "library" / "models.py").write_text("spoilt")
    assert step_files(elsewhere) == before


@pytest.mark.slow
def test_a_project_that_waits_forever_is_ended_with_all_it_has_started(tutorial, place):
    shutil.copytree(find_step("02"), place / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    apps = place / "mine" / "library" / "apps.py"
    apps.write_text(
        f"{apps.read_text()}\nimport subprocess, sys\n"
        "child = [sys.executable, '-c', 'import signal; signal.pause() # of a learner']\n"
        "subprocess.Popen(child).wait()\n"
    )
    said = tutorial("check", "02", "mine", "--limit=5", code=1).stdout
    assert "The tests did not end within 5 seconds." in said
    assert not [each for each in psutil.process_iter() if "# of a learner" in str(words(each))]


def words(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return ""


@pytest.mark.parametrize(
    "ended_by", ["SIGTERM", *(pytest.param(each, marks=pytest.mark.slow) for each in ("SIGINT", "SIGHUP"))]
)
def test_who_ends_a_check_ends_all_of_it_and_leaves_nothing(tutorial, place, ended_by):
    temporary = place / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "TUTORIAL_PROGRESS": str(place / "progress.json")}
    heed = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    command = [TUTORIAL, "check", "02", find_step("02")]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heed
    ) as process:
        deadline = time.monotonic() + 180
        while not list(temporary.glob("pytest-of-*/pytest-*/*")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(getattr(signal, ended_by))
        said = process.stdout.read()
    assert process.returncode == 130 and said.rstrip().endswith("Stopped."), said
    assert psutil.wait_procs(started, timeout=10)[1] == []
    assert not list(temporary.glob("tutorial-check-*"))


def test_many_folders_are_a_line_each_and_a_broken_one_stops_nobody(tutorial, solved):
    solved("ana")
    (solved("ben") / "library" / "urls.py").write_text("oops")
    done = tutorial("check", "01a", "ana", "ben", "carla", "--csv", code=1)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [Path(row["folder"]).name for row in rows] == ["ana", "ben", "carla"]
    assert [(row["goals"], row["of"]) for row in rows] == [("2", "2"), ("0", "2"), ("0", "2")]
    assert (rows[0]["next"], rows[0]["passed"]) == ("", "2")
    assert "NameError: name 'oops' is not defined" in rows[1]["next"]
    assert rows[2]["next"] == "There is no folder carla."
    assert done.stderr == "1 of 3 have reached all goals of 01a.\n"


@pytest.mark.slow
def test_a_list_goes_on_after_a_folder_that_cannot_be_read(tutorial, place, solved):
    solved("ana")
    os.mkfifo(solved("ben") / "pipe")
    (place / "carla").symlink_to("ana")
    shutil.rmtree(place / "ana" / "tests")
    (place / "ana" / "tests").write_text("a file")
    rows = list(csv.DictReader(io.StringIO(tutorial("check", "01a", "ben", "carla", "--csv", code=1).stdout)))
    assert [(row["folder"], row["goals"]) for row in rows] == [("ben", "0"), ("carla", "2")]
    assert re.fullmatch(r".*ben cannot be read: .*pipe.* is a named pipe", rows[0]["next"])
    done = tutorial("check", "99", "ana", "--csv", code=1)
    assert (done.stdout, done.stderr[:24]) == ("", "There is no step '99'. T")


def test_a_list_without_folders_has_the_one_where_it_was_started(tutorial, place):
    tutorial("start", "02", "mine")
    (place / "mine" / "manage.py").unlink()
    (row,) = csv.DictReader(io.StringIO(tutorial("check", "02", "--csv", code=1).stdout))
    assert row["folder"] == str(place / "mine") and "has no manage.py" in row["next"]


# The rest.


@pytest.mark.parametrize("folder", ["a[/b]", "room [red] 3", "odd:book:x"])
def test_the_name_of_a_folder_is_no_markup(tutorial, folder):
    assert f"{folder}\n" in tutorial("start", "03", folder).stdout
    assert folder in tutorial("status").stdout


def test_what_cannot_be_shown_is_a_question_mark(tutorial, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert "? Python" in tutorial("doctor").stdout


def test_without_git_what_needs_it_is_one_line(tutorial, place, monkeypatch):
    tutorial("start", "03", "mine")
    monkeypatch.setenv("PATH", str(place))
    assert "03" in tutorial("status").stdout
    for arguments in (["start", "03a"], ["branches"]):
        assert tutorial(*arguments, code=1).stdout == "git is not installed, or not on the PATH.\n"


def test_after_the_last_goal_there_is_no_hint_and_a_new_start_begins_anew(tutorial, place):
    facts = {"folder": str(place), "goal": 0, "hints": 0, "reached": 5, "goals": 5}
    (place / "progress.json").write_text(json.dumps({"03_streaming": facts}))
    assert "All goals of 03 are reached." in tutorial("hint", "03").stdout
    tutorial("start", "03", "again")
    assert "begun" in tutorial("status").stdout and "5 of 5" not in tutorial("status").stdout
    assert "1 of " in tutorial("hint", "03").stdout


def test_hints_come_one_at_a_time_and_then_all(tutorial):
    all_hints = goals.read(find_step("03")).goals[0].hints
    for number, text in enumerate(all_hints, 1):
        said = tutorial("hint", "03").stdout
        assert f"{number} of {len(all_hints)}: {text}" in said.replace("\n", " ") or text in said
    said = tutorial("hint", "03").stdout
    assert all(text in said for text in all_hints) and "tutorial diff 03" in said


def test_diff_shows_the_way_to_our_code(tutorial, place):
    tutorial("start", "03", "mine")
    said = tutorial("diff", "03").stdout
    assert "--- yours/library/views.py\n+++ 03_streaming/library/views.py\n" in said
    assert "+    response = StreamingHttpResponse(chunks" in said and "yours/tests" not in said
    shutil.rmtree(place / "mine")
    shutil.copytree(find_step("03"), place / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".git/HEAD", ".env", "cover.png"):
        assignments.write(place / "mine", {name: b"\0secret"})
    assert "is the solution of 03, to the byte." in tutorial("diff", "03", "mine").stdout
    (place / "mine" / "library" / "__init__.py").unlink()
    views = place / "mine" / "library" / "views.py"
    views.write_bytes(views.read_bytes().replace(b"\n", b"\r\n"))
    said = tutorial("diff", "03", "mine").stdout
    assert "+++ 03_streaming/library/__init__.py, which is empty, is not in yours" in said
    assert "--- yours/library/views.py differs in the ends of its lines only" in said


def test_status_shows_all_steps(tutorial, place):
    tutorial("start", "03", "mine")
    rows = tutorial("status").stdout.splitlines()
    assert [row[:2] for row in rows[1:]] == STEPS
    assert "begun" in rows[3] and "mine" in rows[3] and "–" in rows[4]


def test_a_memory_that_cannot_be_read_or_written_costs_nothing_else(tutorial, place, monkeypatch):
    for memory, folder in (("{broken", "mine"), ("[]", "yours")):
        (place / "progress.json").write_text(memory)
        tutorial("start", "03", folder)
    monkeypatch.setenv("TUTORIAL_PROGRESS", "/proc/progress.json")
    tutorial("start", "03", "other")
    assert "–" in tutorial("status").stdout


def test_doctor_names_what_is_missing_and_how_to_get_it(tutorial, monkeypatch, tmp_path):
    said = tutorial("doctor").stdout
    assert re.search(r"✓ Python +all steps: 3\.11 or newer +3\.", said)
    assert len(said.partition("\n\n")[0].splitlines()) == 10
    monkeypatch.setenv("PATH", str(tmp_path))
    assert re.search(r"– Chromium .* missing\. apt install chromium", tutorial("doctor").stdout)


def test_branches_are_one_line_of_commits_and_nothing_else_changes(tmp_path, doctored):
    for name in ("tutorial", "benchmarks"):
        shutil.copytree(ROOT / name, doctored / name, ignore=shutil.ignore_patterns("__pycache__"))
    before = git(doctored, "status", "--porcelain"), git(doctored, "rev-parse", "HEAD")
    said = branches(doctored)
    names = [step.name for step in all_steps()]
    assert git(doctored, "log", "--reverse", "--format=%s", f"step/{names[-1]}").count("\n") == len(names) - 1
    for first, second in pairwise(names):
        assert git(doctored, "rev-parse", f"step/{second}^") == git(doctored, "rev-parse", f"step/{first}")
    shown = git(doctored, "show", "step/03_streaming:library/views.py")
    assert shown == (ROOT / "steps/03_streaming/library/views.py").read_text().rstrip("\n")
    assert (git(doctored, "status", "--porcelain"), git(doctored, "rev-parse", "HEAD")) == before
    assert branches(doctored) == said  # the same files, the same commits


@pytest.mark.slow
def test_a_branch_with_somebodys_work_is_left_alone(doctored):
    shutil.copytree(ROOT / "tutorial", doctored / "tutorial", ignore=shutil.ignore_patterns("__pycache__"))
    git(doctored, "branch", "step/02_httpresponse")
    mine = git(doctored, "rev-parse", "step/02_httpresponse")
    assert "has work of yours" in branches(doctored, code=1)
    assert git(doctored, "rev-parse", "step/02_httpresponse") == mine


@pytest.mark.slow
def test_a_commit_of_ours_that_somebody_changed_and_one_in_use_are_left_alone(doctored, tmp_path):
    shutil.copytree(ROOT / "tutorial", doctored / "tutorial", ignore=shutil.ignore_patterns("__pycache__"))
    branches(doctored)
    there = tmp_path / "there"
    git(doctored, "worktree", "add", "--quiet", there, "step/03_streaming")
    assert "step/03_streaming is checked out" in branches(doctored, code=1)
    (there / "library" / "views.py").write_text("mine")
    git(there, "-c", "user.name=Me", "-c", "user.email=me@example.com", "commit", "-qa", "--amend", "--no-edit")
    mine = git(there, "rev-parse", "HEAD")
    git(doctored, "worktree", "remove", "--force", there)
    assert "The branch step/03_streaming has work of yours." in branches(doctored, code=1)
    assert git(doctored, "rev-parse", "step/03_streaming") == mine


@pytest.mark.slow
def test_in_somebody_elses_repository_we_make_no_branches(doctored):
    inner = doctored / "inner"
    for name in ("steps", "tutorial"):
        shutil.copytree(ROOT / name, inner / name, ignore=shutil.ignore_patterns("__pycache__"))
    assert "is no git repository of its own" in branches(inner, code=1)
    assert "step/" not in git(doctored, "branch")


def branches(root, code=0):
    """`tutorial branches`, as this copy of the repository has it."""
    command = [sys.executable, "-m", "tutorial.cli", "branches"]
    done = subprocess.run(
        command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def git(root, *arguments):
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


WRONG = {
    "demo": (["99"], "There is no step '99'"),
    "carry": (["99"], "There is no step '99'"),
    "record": (["99"], "No chapter's name begins with '99'. They are: index, 01_models"),
    "screenshots": (["--only=nothing"], "No picture has 'nothing' in its name. They are: list, "),
    "diagrams": (["nowhere/mermaid.js"], "npm install mermaid brings it"),
}


@pytest.mark.parametrize("command", WRONG)
def test_a_wrong_word_is_one_line_that_says_the_right_ones(tutorial, command):
    arguments, expected = WRONG[command]
    said = tutorial(command, *arguments, code=1).stdout
    assert expected in said and len(said.splitlines()) == 1


@pytest.mark.slow
def test_every_command_explains_itself(tutorial):
    listed = re.findall(r"^│ (\w+) {2,}", tutorial("--help").stdout, re.MULTILINE)
    assert {"demo", "start", "check", "hint", "diff", "status", "doctor", "branches", "bench"} <= set(listed)
    for command in listed:
        said = tutorial(command, "--help").stdout
        assert re.search(r"Usage: tutorial \w+ .*\n\s*\n \S.{20,}", said), said


def test_the_memory_is_where_git_does_not_look():
    assert ".progress.json" in (ROOT / ".gitignore").read_text().splitlines()
    assert "/learn/" in (ROOT / ".gitignore").read_text().splitlines()
