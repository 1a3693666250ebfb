"""`tutorial start`, `check`, `hint`, `diff`, `status`, `doctor`, `branches`: the command that a learner types."""

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
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from tutorial import ROOT, all_steps, find_step
from tutorial.learn import assignments, commands, goals, run_tests
from tutorial.repo import step_changes
from tutorial.repo.step_changes import added_tests, neighbours, step_files

TUTORIAL = Path(sys.executable).with_name("tutorial")
STEPS = [step.name[:2] for step in all_steps()]
RUN = STEPS if os.environ.get("EVERY_STEP") else ["02", "07"]  # all of them take a quarter of an hour: weekly


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


@pytest.mark.parametrize("number", ["02", "08"])
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
    assert "is there already, and not empty: it stays as it is" in said
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


# What check says.


@pytest.mark.parametrize("number", RUN)
def test_our_own_code_reaches_every_goal(tutorial, number):
    said = tutorial("check", number, find_step(number), "--limit=900").stdout
    assert "All of it." in said and "✗" not in said


@pytest.mark.parametrize("number", RUN)
def test_the_code_to_start_from_does_not_and_each_failed_test_has_a_hint(tutorial, place, number, monkeypatch):
    step = find_step(number)
    tutorial("start", number, "mine")
    verdict = run_tests.check(assignments.of_step(step), place / "mine", limit=900)
    assert verdict.trouble or verdict.failed()
    for test in verdict.failed():
        having = [goal for goal in goals.read(step).goals if goal.has(test)]
        assert having and all(hint for goal in having for hint in goal.hints)
    assert len(verdict.failed()) > len(verdict.passed())


@pytest.mark.parametrize("number", STEPS)
def test_each_test_of_a_step_belongs_to_one_goal(number):
    step = find_step(number)
    task, files, before = goals.read(step), step_files(step), dict(neighbours())[step]
    for added in added_tests(step, before):
        for test in [added] if "::" in added else [f"{added}::{test}" for test in step_changes.tests_in(files[added])]:
            owners = [goal.says for goal in task.goals if goal.has(test)]
            assert len(owners) == (0 if "tests/faults/" in test else 1), (test, owners)
    for test in {test for goal in task.goals for test in goal.tests} | {out for out in task.leaves_out if "::" in out}:
        file, _, function = test.partition("::")
        assert function in ("", *step_changes.tests_in(files[file])), test


def test_it_says_what_is_expected_what_came_and_what_to_do_and_remembers_it(tutorial, place):
    shutil.copytree(find_step("02"), place / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    views = place / "mine" / "library" / "views.py"
    views.write_text(
        views.read_text().replace("write_csv(book_filter.qs, file,", "write_csv(Book.objects.all(), file,")
    )
    said = tutorial("check", "02", "mine", code=1).stdout
    assert re.search(r"✗ The download takes the filters of the page, .* \(\d of \d+ tests\)", said)
    assert "expected  the filters of the list, with filters1-expected1" in said
    assert re.search(r"came      assert \[", said)
    assert "test      tests/test_download.py::test_the_filters_of_the_list[filters1-expected1]" in said
    assert "Hint: BookFilter(request.GET" in said
    hints = goals.read(find_step("02")).goals[1].hints  # of the first goal that was not reached
    assert f"2 of {len(hints)}: {hints[1]}" in tutorial("hint", "02").stdout
    assert re.search(r"02 .* 3 of 5 .*mine", tutorial("status").stdout)


LINE = r", line \d+: "


@pytest.fixture
def solved(place):
    """Puts our solution of exercise 01a, which is checked in a few seconds, into a folder."""

    def put(name):
        assignments.write(place / name, assignments.find("01a").solution)
        return place / name

    return put


def test_tests_that_cannot_be_imported_reach_no_goal(tutorial, solved):
    """Exercise 01a has goals of single functions: all of their file are not reached if it cannot be imported."""
    mine = solved("mine")
    for code in (mine / "library" / "factories.py", mine / "library" / "management" / "commands" / "seed_books.py"):
        code.write_text(code.read_text().replace("BookFactory", "MakerOfBooks"))
    said = tutorial("check", "01a", mine, code=1).stdout
    assert said.count("✗") == 2 and "tests/exercise/test_language.py can be run" in said
    assert "cannot import name 'BookFactory' from 'library.factories'" in said


def test_what_failed_before_the_time_was_over_is_told(place, monkeypatch):
    monkeypatch.setattr(commands, "PROGRESS", place / "progress.json")
    tests = {"tests/test_cut_streams.py::test_x": ("failed", "AssertionError: assert 1 == 2")}
    verdict = run_tests.Verdict(assignments.find("03"), place, trouble="It did not end within 5 seconds.", tests=tests)
    console = Console(file=io.StringIO(), width=300)
    commands.tell(verdict, console)
    said = console.file.getvalue()
    assert "0 of 5 goals reached" in said and "It did not end within 5 seconds." in said
    assert "came      assert 1 == 2" in said


def test_brackets_in_a_hint_are_no_markup(place, monkeypatch):
    monkeypatch.setattr(commands, "PROGRESS", place / "progress.json")
    commands.PROGRESS.write_text(json.dumps({"03_streaming": {"goal": 3, "hints": 3}}))
    verdict = run_tests.Verdict(
        assignments.find("03"), place, tests={"tests/test_cut_streams.py::test_x": ("failed", "")}
    )
    console = Console(file=io.StringIO(), width=300)
    commands.tell(verdict, console)
    assert "Hint: The view has to ask for that first piece" in console.file.getvalue()
    assert "itertools.chain([next(chunks)], chunks)" in console.file.getvalue()


BROKEN = {
    "a word too many": ("library/views.py", "def ", "def def ", rf"library/views\.py{LINE}SyntaxError: "),
    "a wrong name": ("library/urls.py", "views.book_list", "views.x", rf"library/urls\.py{LINE}AttributeError"),
    "a missing app": (
        "config/settings.py",
        '"library",',
        '"libary",',
        r"ModuleNotFoundError: No module named 'libary'",
    ),
    "no migration": ("library/models.py", "max_length=300", "max_length=301", r"Your models have changed: python"),
    "a wrong option": ("library/models.py", '"books"', '"bo-oks"', r"\(fields\.E306\)"),
    "a bad migration": ("library/migrations/0001_initial.py", "operations = [", "operations = [1,", "AttributeError"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_project_that_does_not_start_is_the_line_that_matters(tutorial, place, name):
    file, old, new, expected = BROKEN[name]
    shutil.copytree(find_step("02"), place / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    code = place / "mine" / file
    code.write_text(code.read_text().replace(old, new, 1))
    said = tutorial("check", "02", "mine", code=1).stdout
    trouble = said.partition("The tests could not be run:\n")[2].partition("\n\n")[0]
    assert re.search(expected, trouble) and len(trouble.splitlines()) == 1, said
    assert "tutorial-check" not in said  # a place that the learner does not know


def test_no_question_is_asked_that_nobody_sees(tutorial, place):
    """A field with another name, on a terminal: makemigrations would ask whether it is the same one."""
    shutil.copytree(find_step("02"), place / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    for code in (place / "mine" / "library").glob("*.py"):
        code.write_text(code.read_text().replace("price", "cost"))
    other, terminal = os.openpty()
    with os.fdopen(other, "wb"), os.fdopen(terminal, "rb") as stdin:
        assert "Your models have changed" in tutorial("check", "02", "mine", "--limit=20", code=1, stdin=stdin).stdout


def test_a_folder_without_a_project_is_one_line(tutorial, place):
    assert "has no manage.py" in tutorial("check", "02", place, code=1).stdout
    assert "There is no folder nowhere." in tutorial("check", "02", "nowhere", code=1).stdout
    assert "Which folder? Name it, or begin with: tutorial start 02" in tutorial("check", "02", code=1).stdout


def test_a_copy_is_checked_that_leads_to_nothing_else(tutorial, place, solved):
    """With links to our tests, files that may not be written, and a package called as what we leave out."""
    mine, elsewhere = solved("mine"), place / "elsewhere"
    shutil.rmtree(mine / "tests", ignore_errors=True)
    (mine / "tests").symlink_to(find_step("05") / "tests")
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


def test_a_project_that_waits_for_ever_is_ended_with_all_it_has_started(tutorial, place):
    shutil.copytree(find_step("02"), place / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    apps = place / "mine" / "library" / "apps.py"
    apps.write_text(
        f"{apps.read_text()}\nimport subprocess, sys\n"
        "child = [sys.executable, '-c', 'import signal; signal.pause() # of a learner']\n"
        "subprocess.Popen(child).wait()\n"
    )
    said = tutorial("check", "02", "mine", "--limit=5", code=1).stdout
    assert "It did not end within 5 seconds." in said
    assert not [each for each in psutil.process_iter() if "# of a learner" in str(words(each))]


def words(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return ""


@pytest.mark.parametrize("ended_by", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_who_ends_a_check_ends_all_of_it_and_leaves_nothing(tutorial, place, ended_by):
    temporary = place / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "TUTORIAL_PROGRESS": str(place / "progress.json")}
    heed = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    command = [TUTORIAL, "check", "03", find_step("03")]
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


def test_what_an_ended_test_has_left_behind_is_ended_too(place):
    runner = run_tests.Runner(place, time.monotonic() + 30, place / "verdicts")
    left = "import signal; signal.pause() # left behind"
    child = f"[sys.executable, '-c', {left!r}], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL"
    assert runner.run("-c", f"import subprocess, sys; subprocess.Popen({child})") == (0, "")
    deadline = time.monotonic() + 10
    while [each for each in psutil.process_iter() if left in words(each)]:
        assert time.monotonic() < deadline


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


def test_a_test_that_was_left_out_is_neither_reached_nor_failed(place, monkeypatch):
    monkeypatch.setenv("CI", "true")  # where pytest takes it for a failure
    task = assignments.find("03")
    tests = dict.fromkeys(task.tests, ("skipped", ""))
    console = Console(file=io.StringIO(), width=300)
    commands.tell_goal(run_tests.Verdict(task, place, tests=tests), task.task.goals[0], True, console)
    assert "needs more than this check has" in console.file.getvalue() and "✓" not in console.file.getvalue()
    assert "CI" not in run_tests.Runner(place, 0, place).environment


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


def test_a_branch_with_somebodys_work_is_left_alone(doctored):
    shutil.copytree(ROOT / "tutorial", doctored / "tutorial", ignore=shutil.ignore_patterns("__pycache__"))
    git(doctored, "branch", "step/02_httpresponse")
    mine = git(doctored, "rev-parse", "step/02_httpresponse")
    assert "has work of yours" in branches(doctored, code=1)
    assert git(doctored, "rev-parse", "step/02_httpresponse") == mine


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


def test_every_command_explains_itself(tutorial):
    listed = re.findall(r"^│ (\w+) {2,}", tutorial("--help").stdout, re.MULTILINE)
    assert {"demo", "start", "check", "hint", "diff", "status", "doctor", "branches", "bench"} <= set(listed)
    for command in listed:
        said = tutorial(command, "--help").stdout
        assert re.search(r"Usage: tutorial \w+ .*\n\s*\n \S.{20,}", said), said


def test_the_memory_is_where_git_does_not_look():
    assert ".progress.json" in (ROOT / ".gitignore").read_text().splitlines()
    assert "learn/" in (ROOT / ".gitignore").read_text().splitlines()
