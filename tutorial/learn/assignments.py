"""What a learner can build: a step, or an exercise that goes on from one."""

import re
import tempfile
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

from tutorial import ROOT, find_step
from tutorial.learn import goals
from tutorial.repo.carry import git
from tutorial.repo.step_changes import about, neighbours, step_files, tests_by_age, write_files


@dataclass(frozen=True)
class Assignment:
    """`starter`, `solution` and `test_files` are bytes by the names of files; `tests` is what pytest is given.

    So is `carried`: tests of earlier steps. The last goal of the task has those that need no server.
    """

    number: str
    name: str
    title: str
    goal: str
    minutes: int
    page: str
    begins_with: str
    starter: dict
    solution: dict
    tests: list
    test_files: dict
    task: goals.Task
    carried: list = field(default_factory=list)

    @property
    def heading(self):
        return f"{'Step' if len(self.number) == 2 else 'Exercise'} {self.number}, {self.title}"


def find(name):
    """The step or the exercise that a user calls 03, 3, 03_streaming, 03a or 03a_keyset."""
    for exercise in all_exercises():
        if name in (exercise.name, exercise.name[:3], exercise.name[:3].lstrip("0")):
            return of_exercise(exercise)
    return of_step(find_step(name))


def all_exercises():
    """The folders of all exercises, in their order."""
    return sorted(path.parent for path in (ROOT / "exercises").glob("*/exercise.toml"))


def of_step(step):
    before = dict(neighbours())[step]
    facts, task, files = about(step), goals.read(step), step_files(step)
    starter = step_files(before) if before else {}
    tests, carried = tests_by_age(files, starter)
    left_out = tuple(task.leaves_out) or "-"
    carried = [
        test for test in carried if not test.startswith(left_out) and not needs_server(files[test.partition("::")[0]])
    ]
    if carried:
        task = replace(task, goals=[*task.goals, earlier_steps(step, carried)])
    return Assignment(
        number=step.name[:2],
        name=step.name,
        title=facts["title"],
        goal=facts["goal"],
        minutes=facts["teach"]["alone"],
        page=f"docs/{step.name}.md",
        begins_with=f"the end of step {before.name[:2]}" if before else "a new Django project",
        starter=to_begin_with(starter),
        solution=files,
        tests=[test for test in tests if not test.startswith(left_out)],
        test_files=needed_for_tests(files),
        task=task,
        carried=carried,
    )


def needs_server(tests):
    """Return whether all tests of this file need a server, so that a check doesn't even import it for earlier steps."""
    marks = re.search(rb"^pytestmark = .*?\n\n", tests, re.MULTILINE | re.DOTALL)
    return bool(marks and re.search(rb"mark\.(server|services|browser|slow)\b", marks[0]))


def earlier_steps(step, carried):
    """The goal that nothing of the earlier steps has broken."""
    hints = (
        "The name of the failed test says what your code no longer does. Look at what you've changed there.",
        f"The test is in the folder tests of your code, or in steps/{step.name}/tests.",
        "Undo your last change, and check again. Then make the change in smaller steps.",
    )
    return goals.Goal(
        "Everything that you built in the earlier steps still works.", tuple(carried), hints, carried=True
    )


def of_exercise(folder):
    """An exercise begins with the whole of its step, and its solution is a diff to that. Its tests are its own."""
    facts = tomllib.loads((folder / "exercise.toml").read_text("utf-8"))
    step = find_step(folder.name[:2])
    files = step_files(step)
    tests = {f"tests/exercise/{name}": content for name, content in step_files(folder / "tests").items()}
    starter = to_begin_with(files)
    return Assignment(
        number=folder.name[:3],
        name=folder.name,
        title=facts["title"],
        goal=facts["task"],
        minutes=facts["minutes"],
        page="docs/exercises.md",
        begins_with=f"step {step.name[:2]}, whole",
        starter=starter,
        solution=patched(starter, folder / "solution.diff"),
        tests=sorted(name for name in tests if Path(name).name.startswith("test_")),
        test_files=needed_for_tests(files) | tests | {"tests/exercise/__init__.py": b""},
        task=goals.parsed(facts),
    )


def patched(files, diff):
    """The files after `git apply`. A diff that does not fit any more is a UserError."""
    with tempfile.TemporaryDirectory() as place:
        write_files(Path(place), files)
        # Nothing above this folder is a repository to git, wherever temporary folders are.
        git(place, "apply", diff, GIT_CEILING_DIRECTORIES=str(Path(place).parent))
        return step_files(Path(place))


def needed_for_tests(files):
    needed = ("pytest.ini", "step.toml")
    return {name: content for name, content in files.items() if name.startswith("tests/") or name in needed}


def to_begin_with(files):
    """Without what is a step's own, and not of who begins with its code."""
    return {name: content for name, content in files.items() if name not in ("step.toml", "README.md")}
