"""`tutorial start`, `check`, `hint`, `diff`, `status`, `doctor`, `branches`: the commands for learners."""

import csv
import io
import os
import re
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from servers import wait_for
from tests.conftest import TUTORIAL, commit_all, run
from tutorial import ROOT, UserError, all_steps, find_step
from tutorial.learn import assignments, goals, progress, report, run_tests
from tutorial.learn.run_tests import FAILED, NOT_CHECKED, REACHED
from tutorial.options import console
from tutorial.repo import step_changes
from tutorial.repo.branches import branches
from tutorial.repo.carry import git
from tutorial.repo.step_changes import added_tests, neighbours, step_files, write_files
from tutorial.site.record import running

STEPS = [step.name[:2] for step in all_steps()]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in, whose name has what breaks careless code, with a memory of its own."""
    folder = tmp_path / "Zoë’s class, room 3"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(progress, "FILE", folder / "progress.json")
    monkeypatch.setenv("TUTORIAL_PROGRESS", str(folder / "progress.json"))  # of other processes
    monkeypatch.setenv("COLUMNS", "200")
    return folder


@pytest.fixture(scope="module", autouse=True)
def nothing_in_steps_is_ever_written():
    before = {step: step_files(step) for step in all_steps()}
    yield
    assert {step: step_files(step) for step in all_steps()} == before


def test_it_starts_with_the_end_of_the_step_before_or_with_a_new_project(tutorial, place):
    step = find_step("09")
    said = tutorial("start", "09").stdout
    given, ours = step_files(place / "learn" / step.name), step_files(dict(neighbours())[step])
    assert given == {name: content for name, content in ours.items() if name not in ("step.toml", "README.md")}
    assert all(goal.says in said for goal in goals.read(step).goals)
    assert f"docs/{step.name}.md" in said and "tutorial check 09" in said
    tutorial("start", "1", place / "mine")
    assert {"manage.py", "config/settings.py", "library/models.py"} <= step_files(place / "mine").keys()


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ("start 02 mine", "mine already exists and is not empty. Name another folder."),
        ("start 02 mine/thesis.txt/new", "mine/thesis.txt/new: Not a directory"),
        ("start 02 /proc/mine", "/proc/mine: "),
        ("start 12", "There is no step '12'. The steps are: 01_models"),
        ("demo [/x]", "There is no step '[/x]'."),
        ("check 02 mine", "has no manage.py"),
        ("check 02 nowhere", "There is no folder nowhere."),
        ("check 02", "Which folder? Name it, or begin with: tutorial start 02"),
        ("check 02 mine --watch --csv", "--watch is for one folder"),
        ("record 99", "No chapter's name begins with '99'. They are: index, 01_models"),
        ("screenshots --only=nothing", "No picture has 'nothing' in its name. They are: list, "),
        ("diagrams nowhere/mermaid.js", "nowhere/mermaid.js: No such file or directory"),
    ],
)
def test_what_a_command_cannot_do_is_one_line_and_nothing_changes(tutorial, place, arguments, expected):
    write_files(place, {"mine/thesis.txt": b"two years of work"})
    failed = tutorial(*arguments.split(), code=1)
    assert expected in failed.stderr and len(failed.stderr.splitlines()) == 1
    assert step_files(place / "mine") == {"thesis.txt": b"two years of work"}


# The configuration of pytest in a learner's project must not replace ours.
REMOVES = "def pytest_collection_modifyitems(items):\n    items.clear()\n"
TINY = {
    "pytest.toml": '[pytest]\naddopts = ["-k", "nothing"]',
    "tests/pytest.ini": "[pytest]\naddopts = -k nothing",
    "conftest.py": REMOVES,
    "tests/conftest.py": REMOVES,
    "manage.py": "import os, sys\nfrom django.core.management import execute_from_command_line as execute\n"
    "os.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\nexecute(sys.argv)\n",
    "settings.py": "SECRET_KEY = 'x'\n"
    "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n",
    "answers.py": "one, two = 1, 2\n\ndef wait():\n    pass\n",
}
TINY_TESTS = {
    "pytest.ini": "[pytest]\npythonpath = .\nDJANGO_SETTINGS_MODULE = settings\naddopts = --strict-markers\n"
    "markers =\n    server: x\n    services: x\n    covers: x\n",
    "tests/test_earlier.py": """
import answers, pytest
def test_one(): assert answers.one == 1
@pytest.mark.server
def test_server(): raise Exception
@pytest.mark.covers("answers.py")
def test_answers(): pass
@pytest.mark.covers("settings.py")
def test_settings(): raise Exception
def test_trap_earlier(): raise Exception
""",
    "tests/test_tiny.py": """
import answers, pytest
def test_one(): assert answers.one == 1
@pytest.mark.server
def test_two():
    answers.wait()
    assert answers.two == 2
@pytest.mark.services
def test_three(): raise Exception
def test_four(): pytest.skip("needs the program nginx")
@pytest.mark.parametrize("service", ["files", pytest.param("redis", marks=pytest.mark.services)])
def test_trap_five(service):
    if service == "redis":
        pytest.skip("needs the program redis")
    assert answers.two == 2
""",
}


@pytest.fixture
def tiny(place):
    """Writes a tiny project with another answers.py, and checks it. Its first five goals have a test each."""
    names = ("one", "two", "three", "four", "trap_five")
    all_goals = [goals.Goal(name, (f"tests/test_tiny.py::test_{name}",), ("[try]",)) for name in names]
    all_goals[-1] = replace(all_goals[-1], also_runs=all_goals[-1].tests)
    all_goals.append(goals.Goal("earlier steps", ("tests/test_earlier.py",), ("[try]",), carried=True))
    task = replace(
        assignments.find("02"),
        starter={name: text.encode() for name, text in TINY.items()},
        tests=["tests/test_tiny.py"],
        carried=["tests/test_earlier.py"],
        test_files=TINY_TESTS,
        task=goals.Task(all_goals, [], []),
    )

    def check(answers, tests=task.tests, **options):
        write_files(place / "tiny", TINY | {"answers.py": answers})
        result = run_tests.check(replace(task, tests=tests), place / "tiny", **options)
        return result, [result.state(goal) for goal in all_goals]

    return check


def printed(result):
    """What the report prints of a result."""
    with console.capture() as captured:
        report.Report(result.assignment).end(result)
    return captured.get()


def test_a_goal_is_reached_only_if_one_of_its_tests_ran_and_passed(tiny, tmp_path, monkeypatch):
    """The server test waits until the first goal has been reported."""
    monkeypatch.setenv("CI", "true")  # where pytest takes a skipped test for a failure
    waits = (
        "import os, time\none, two = 1, 2\n\ndef wait():\n"
        f"    while not os.path.exists({str(tmp_path / 'go')!r}):\n        time.sleep(0.05)\n"
    )

    def go(result):
        if result.state(result.assignment.task.goals[0]) == REACHED:
            (tmp_path / "go").touch()

    result, states = tiny(waits, changed=go)
    assert states == [REACHED, REACHED, NOT_CHECKED, NOT_CHECKED, REACHED, REACHED]
    assert result.is_complete()
    said = printed(result)
    assert "– three (not checked here: needs PostgreSQL, Redis or another server; run pytest steps/02_*)" in said
    assert "– four (not checked here: needs the program nginx" in said
    assert "✓ trap_five (1 of 2 tests not run here: needs the program redis)" in said
    assert "4 of 4 goals checked here reached, 2 not checked.\nAll goals reached. Compare with our solution:" in said
    # Tests of earlier steps run unless they need a server, show a limit, or cover unchanged code.
    ran = [test.rpartition("::")[2] for test in result.of(None, "passed") if test.startswith("tests/test_earlier.py")]
    assert ran == ["test_answers", "test_one"]
    result.tests = dict.fromkeys(result.tests, ("skipped", ""))
    assert not result.is_complete()


def test_tests_that_cannot_be_imported_reach_no_goal(tiny):
    result, states = tiny("from settings import nothing\n")
    assert states == [FAILED] * 6
    assert "tests/test_tiny.py can be run" in (said := printed(result))
    assert "got       ImportError: cannot import name 'nothing' from 'settings'" in said
    result, _ = tiny("from settings import nothing\n", tests=["tests/test_tiny.py::test_two"])  # pytest gives up
    assert result.trouble == "ImportError: cannot import name 'nothing' from 'settings' (settings.py)"


def test_an_error_has_its_place_in_the_code_and_what_says_nothing_is_left_out(tiny):
    result, _ = tiny("one, two = 1, 2\n\ndef wait():\n    raise ValueError('no')\n")
    assert "got       answers.py, line 4: ValueError: no\n" in printed(result)
    result, states = tiny("one, two = 1, 2\n\ndef wait():\n    raise ExceptionGroup('two', [ValueError('no')])\n")
    assert states[1] == FAILED and "got       ValueError('no')" in printed(result)
    traceback = "Traceback (most recent call last):\n    File 'a.py', line 1\n      b()\n  KeyError: 'c'\nassert 1 == 0"
    assert report.in_short(f"AssertionError: {traceback}") == "KeyError: 'c'; assert 1 == 0"
    compared = "assert {'a': 1} == {'a': 2}\n  \n  Omitting 1 identical items, use -vv\n  {'a': 1} != {'a': 2}"
    assert report.in_short(compared) == "assert {'a': 1} == {'a': 2}; {'a': 1} != {'a': 2}"
    assert report.in_short(f"assert {'x' * 999} == 1\n  At index 0").endswith("xxx…; At index 0")


def test_a_report_has_a_hint_and_trouble_comes_with_what_failed_before_it(place):
    task = assignments.find("03")

    def said(*tests, trouble=""):
        """What is printed of failed tests, or of trouble before all tests were collected."""
        failed = {f"tests/{test}": ("failed", "AssertionError: assert 1 == 2") for test in tests}
        return printed(run_tests.Result(task, place, trouble, failed, collected=not trouble))

    progress.remember(task, goal=task.task.goals[1].says, hints=2)
    hint = "Hint: A list such as [chunk for chunk in csv_chunks(books)] reads all the books"  # this is no markup
    assert hint in said("test_streaming.py::test_the_first_books_arrive_long_before_the_last")
    hint = "Hint: After each yield, empty the buffer"  # which is for this test
    assert hint in said("test_csv_chunks.py::test_each_book_is_in_one_chunk") and progress.read(task)["hints"] == 0
    text = said("test_cut_streams.py::test_x", trouble=(trouble := "The tests did not end within 5 seconds."))
    assert trouble in text and "0 of " in text and "got       assert 1 == 2" in text
    assert f"Next: {task.task.goals[0].says}\n" in text  # although another goal failed
    text = said(*(f"test_cut_streams.py::test_{letter}" for letter in "abcde"))
    assert text.count("got ") == 3 and "and 2 more: d; e\n" in text
    progress.remember(task, hints=1, reached=4, goals=6)
    text = said(trouble="library/views.py, line 1: SyntaxError: invalid syntax")
    assert "SyntaxError" in text and "Correct this error" in text and "Hint" not in text and " of 6" not in text
    assert progress.read(task)["reached"] == 4


def functions(names, files):
    """Yield the tests of files, or of files and functions, each with the name of its file."""
    for name in names:
        file, _, function = name.partition("[")[0].partition("::")
        yield from (f"{file}::{test}" for test in step_changes.tests_in(files[file]) if function in ("", test))


@pytest.mark.slow
@pytest.mark.parametrize("number", STEPS)
def test_our_own_code_reaches_every_goal(number):
    """With one test of each goal in each file, because the step runs all of them.

    tests/test_steps_follow.py shows that the code to start from reaches none: the step's tests fail on it.
    """
    task = assignments.find(number)
    first = {}
    for test in functions(task.tests + task.carried, task.test_files):
        goal = next(goal.says for goal in task.task.goals if goal.has(test))
        first.setdefault((goal, test.partition("::")[0]), test)
    result = run_tests.check(replace(task, tests=[*first.values()], carried=[]), find_step(number), limit=900)
    assert (result.trouble, {test: result.tests[test] for test in result.of(None, "failed")}) == ("", {})
    assert result.is_complete()


@pytest.mark.parametrize("number", STEPS)
def test_each_test_of_a_step_belongs_to_one_goal(number):
    step = find_step(number)
    task, files = goals.read(step), step_files(step)
    for goal in task.goals:
        tests = {*functions(goal.tests, files)}
        assert all(any(functions([name], files)) for name in goal.tests), "a test is gone"
        assert goal.hints and all(goal.hints)
        assert goal.hint_for.keys() <= {test.partition("::")[2] for test in tests}
        assert set(goal.also_runs) <= tests
    assert all(any(functions([name], files)) for name in task.leaves_out), "a test is gone"
    for test in functions(added_tests(step, dict(neighbours())[step]), files):
        owners = [goal.says for goal in task.goals if goal.has(test)]
        is_left_out = test.startswith(tuple(task.leaves_out) or "-")
        assert len(owners) == 1 or (is_left_out and not owners), (test, owners)
    assert not [test for test in assignments.of_step(step).carried if test.startswith(tuple(task.leaves_out) or "-")]


@pytest.mark.slow
@pytest.mark.parametrize("folder", assignments.all_exercises(), ids=lambda folder: folder.name)
def test_our_solution_of_an_exercise_passes_and_the_code_to_begin_with_does_not(folder, tmp_path):
    task, results = assignments.of_exercise(folder), []
    for name, files in (("ours", task.solution), ("starter", task.starter)):
        write_files(tmp_path / name, files)
        results.append(run_tests.check(task, tmp_path / name, limit=900))
        assert results[-1].trouble == ""
    ours, starter = results
    assert ours.is_complete() and ours.goals(REACHED) == task.task.goals, ours.tests
    assert starter.state(task.task.goals[-1]) == FAILED
    for test in ours.tests:
        (goal,) = [goal for goal in task.task.goals if goal.has(test)]
        assert goal.hints and all(goal.hints)


def test_our_solutions_of_exercises_fit_their_steps_and_ruff_accepts_them(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for task in map(assignments.of_exercise, assignments.all_exercises()):
        changed = {name: code for name, code in task.solution.items() if task.starter.get(name) != code}
        write_files(tmp_path / task.name, changed)
    for command in (["check", "--output-format=concise"], ["format", "--diff"]):
        run(sys.executable, "-m", "ruff", *command, "--no-cache", cwd=tmp_path)


@pytest.fixture
def solved(place):
    """Puts our solution of exercise 01a, which is checked in a few seconds, into a folder."""

    def put(name):
        write_files(place / name, assignments.find("01a").solution)
        return place / name

    return put


def test_it_watches_a_folder_and_begins_with_the_goal_that_failed(tutorial, solved):
    mine = solved("mine")
    filters = mine / "library" / "filters.py"
    repaired = filters.read_text()
    right = 'ChoiceFilter(label="Language", choices=Language, empty_label="Any")'
    filters.write_text(repaired.replace(right, "CharFilter()"))
    invites = "Save a file to check again. Press Ctrl-C to stop.\n"
    with running([TUTORIAL, "check", "01a", mine, "--watch"], invites) as process:
        said = process.printed()
        assert "✗ A language that" in said and "expected  a language that does not exist gets a 400" in said
        assert "got       assert 200 == 400; " in said and "Hint: A ChoiceFilter validates its value" in said
        assert "1 of 2: A ChoiceFilter validates" not in tutorial("hint", "01a").stdout  # that was the first one
        assert re.search(r"01a .* 1 of 2 .*mine", tutorial("status").stdout)
        filters.write_text(repaired)
        wait_for(lambda: process.printed().count(invites) > 1, "the next check", seconds=180)
        said = process.printed().removeprefix(said)
        assert re.search(r"library/filters.py.*✓ A language.*✓ \?language=el.*All goals reached", said, re.DOTALL)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.printed().rpartition(invites)[2] == "Stopped.\n"


def test_a_copy_is_checked_that_leads_to_nothing_else(place, solved):
    """With links to our tests, files that may not be written, and a package called as what we leave out."""
    mine, elsewhere = solved("mine"), place / "elsewhere"
    shutil.rmtree(mine / "tests", ignore_errors=True)
    (mine / "tests").symlink_to(find_step("07") / "tests")
    (mine / "library").rename(elsewhere)
    (mine / "library").symlink_to("../elsewhere")
    (mine / "gone").symlink_to("nowhere")
    write_files(elsewhere, {"data/__init__.py": b""})
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
def test_a_project_that_waits_forever_is_ended_with_all_it_has_started(tiny):
    result, _ = tiny("import subprocess\nsubprocess.run(['tail', '-f', '/dev/null'])\n", limit=5)
    assert "The tests did not end within 5 seconds." in result.trouble
    assert psutil.Process().children(recursive=True) == []


def test_who_ends_a_check_ends_all_of_it_and_leaves_nothing(place):
    temporary = place / "tmp"
    temporary.mkdir()
    command, environment = [TUTORIAL, "check", "02", find_step("02")], {**os.environ, "TMPDIR": str(temporary)}
    with running(command, "checking", env=environment) as process:
        wait_for(lambda: list(temporary.glob("pytest-of-*/pytest-*/*")), "the first test", seconds=180)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 130 and process.printed().endswith("Stopped.\n"), process.printed()
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert not list(temporary.glob("tutorial-check-*"))


BROKEN = {
    "a wrong name": ("library/urls.py", "views.book_list", "views.x", r"library/urls\.py, line \d+: AttributeError"),
    "no migration": ("library/models.py", "max_length=300", "max_length=301", r"Your models have changed: python"),
    "a missing app": ("config/settings.py", '"library",', '"libary",', "ModuleNotFoundError: No module named 'libary'"),
    "a wrong option": ("library/models.py", '"books"', '"bo-oks"', r"\(fields\.E306\)"),
}


def test_many_folders_are_a_line_each_and_a_broken_one_is_the_line_that_matters(tutorial, solved):
    solved("ana")
    for name, (file, old, new, _) in BROKEN.items():
        code = solved(name) / file
        code.write_text(code.read_text().replace(old, new, 1))
    done = tutorial("check", "01a", "ana", *BROKEN, "carla", "--csv", code=1)
    ana, *broken, carla = csv.DictReader(io.StringIO(done.stdout))
    assert [ana[column] for column in ("folder", "goals", "of", "passed", "next")] == ["ana", "2", "2", "2", ""]
    assert [row["folder"] for row in broken] == [*BROKEN]
    for row in broken:
        assert row["goals"] == "0" and re.search(BROKEN[row["folder"]][3], row["next"]), row
        assert "\n" not in row["next"] and "tutorial-check" not in row["next"]  # a folder that the learner doesn't know
    assert carla["next"] == "There is no folder carla."
    assert done.stderr == "1 of 6 have reached all goals of 01a.\n"


def test_status_shows_all_steps_and_where_they_were_started(tutorial, place, monkeypatch):
    for memory, folder in (("{broken", "mine"), ("[]", "room [red] 3")):  # the folder's name is no markup
        (place / "progress.json").write_text(memory)
        assert f"{folder}\n" in tutorial("start", "03", folder).stdout
    rows = tutorial("status").stdout.splitlines()
    assert [row[:2] for row in rows[1:]] == STEPS
    assert "begun" in rows[3] and "room [red] 3" in rows[3] and "–" in rows[4]
    monkeypatch.setattr(progress, "FILE", Path("/proc/progress.json"))  # which can't be written
    tutorial("start", "03", "other")


def test_next_and_hint_follow_a_learner_until_all_goals_are_reached_or_a_new_start(tutorial, place):
    assert "tutorial start 01\n" in tutorial("next").stdout
    first, second, *_ = all_goals = goals.read(find_step("03")).goals
    tutorial("start", "01a", "exercise")
    tutorial("start", "03", "mine")
    assert first.says in tutorial("next").stdout  # of what was begun last
    for number, text in enumerate(first.hints, 1):
        assert f"{number} of {len(first.hints)}: {text}\n" in tutorial("hint", "03").stdout
    said = tutorial("hint", "03").stdout
    assert all(text in said for text in first.hints) and "tutorial diff 03" in said
    progress.remember(assignments.find("03"), goal=second.says, reached=1, goals=len(all_goals))
    said = tutorial("next").stdout
    assert second.says in said and "tutorial check 03" in said
    for name in ("03", "01a"):
        assert f"tutorial check {name}" in tutorial("next").stdout
        progress.remember(assignments.find(name), goal="", reached=5, goals=5)
        assert f"All goals of {name} are reached." in tutorial("hint", name).stdout
    assert "tutorial start 01\n" in tutorial("next").stdout
    tutorial("start", "03", "again")
    assert re.search("^03 .* begun .* again", tutorial("status").stdout, re.MULTILINE)
    assert "1 of " in tutorial("hint", "03").stdout
    progress.keep({step.name: {"reached": 1, "goals": 1} for step in all_steps()})
    assert "docs/exercises.md" in tutorial("next").stdout


def test_diff_shows_the_way_to_our_code(tutorial, place):
    tutorial("start", "03", "mine")
    said = tutorial("diff", "03").stdout
    assert "--- yours/library/views.py\n+++ 03_streaming/library/views.py\n" in said
    assert "+    response = StreamingHttpResponse(chunks" in said and "yours/tests" not in said
    write_files(place / "mine", assignments.find("03").solution | {".env": b"secret", "cover.png": b"\0secret"})
    assert "is byte-for-byte identical to our solution of 03." in tutorial("diff", "03", "mine").stdout
    (place / "mine" / "library" / "__init__.py").unlink()
    assert "new file mode" in tutorial("diff", "03", "mine").stdout


def test_what_is_missing_is_named_with_how_to_get_it(tutorial, monkeypatch, tmp_path):
    said = tutorial("doctor").stdout
    assert re.search(r"✓ Python +all steps: 3\.11 or newer +3\.", said)
    assert len(said.partition("\n\n")[0].splitlines()) == 8
    monkeypatch.setenv("PATH", str(tmp_path))
    assert re.search(r"– Chromium .* missing\. apt install chromium", tutorial("doctor").stdout)
    for arguments in (["start", "03a"], ["branches"], ["diff", "03", "."]):
        assert tutorial(*arguments, code=1).stderr == "git: No such file or directory\n"
    for package, command in (("pytest_django", ["check", "02"]), ("import_export", ["bench"]), ("pyte", ["films"])):
        monkeypatch.setitem(sys.modules, package, None)
        said = tutorial(*command, code=1).stderr
        assert said == f"{package}: not installed. Install the test tools: make test-setup\n"


def test_what_cannot_be_shown_is_a_question_mark(monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert "? Python" in run(TUTORIAL, "doctor").stdout


def test_branches_are_one_line_of_commits_and_nothing_else_changes(small, tmp_path):
    def shown(*arguments):
        return git(small, *arguments).decode()

    before = shown("status", "--porcelain"), shown("rev-parse", "HEAD")
    branches(small)
    names = ["step/01_one", "step/02_two", "step/03_three"]
    commits = shown("rev-parse", *names)
    assert shown("log", "--format=%s", "step/03_three") == "03 03_three\n02 02_two\n01 01_one\n"
    assert shown("rev-parse", "step/03_three^", "step/03_three~2") == shown("rev-parse", "step/02_two", "step/01_one")
    assert {*shown("ls-tree", "-r", "--name-only", "step/03_three").split()} == step_files(all_steps(small)[2]).keys()
    assert (shown("status", "--porcelain"), shown("rev-parse", "HEAD")) == before
    branches(small)
    assert shown("rev-parse", *names) == commits  # the same files, the same commits
    # A branch in use and a branch with somebody's work are left alone.
    there = tmp_path / "there"
    git(small, "worktree", "add", "--quiet", there, "step/02_two")
    with pytest.raises(UserError, match="step/02_two' checked out"):
        branches(small)
    (there / "views.py").write_text("mine")
    commit_all(there)
    mine = shown("rev-parse", "step/02_two")
    git(small, "worktree", "remove", "--force", there)
    with pytest.raises(UserError, match=r"The branch step/02_two has work of yours\."):
        branches(small)
    assert shown("rev-parse", "step/02_two") == mine
    with pytest.raises(UserError, match="isn't a separate git repository"):
        branches(small / "steps")
