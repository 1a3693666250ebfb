"""How far a learner has come, kept in a file: `tutorial start`, `hint`, `next`, `status` and `diff`."""

import json
import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from tutorial import ROOT, UserError, all_steps
from tutorial.learn import assignments
from tutorial.options import Step, console
from tutorial.repo.step_changes import start_project, step_files, write_files

FILE = Path(os.environ.get("TUTORIAL_PROGRESS") or ROOT / ".progress.json")


def folder_of(task, folder):
    """The folder that was named, or the one that the step was started in."""
    if not folder:
        known = read(task).get("folder")
        if not known:
            raise UserError(f"Which folder? Name it, or begin with: tutorial start {task.number}")
        folder = Path(known)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    return Path(os.path.realpath(folder))


def read_all():
    try:
        known = json.loads(FILE.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def read(task):
    """What is known about a learner's work on this step or exercise."""
    return read_all().get(task.name, {})


def remember(task, **facts):
    keep({**read_all(), task.name: read(task) | facts})


def keep(known):
    """Write the file. If that fails, only the memory is lost."""
    with suppress(OSError):
        FILE.write_text(json.dumps(known, indent=2), "utf-8")


def start(
    step: Step,
    folder: Annotated[
        Path | None, typer.Argument(help="A new or empty folder for the code.", show_default="learn/STEP")
    ] = None,
):
    """Copy the code that a step begins with to a new folder, and list the goals.

    The code is the end of the previous step. The tests use a few names, and `start` lists them. You choose all
    other names.
    """
    task = assignments.find(step)
    folder = (folder or Path("learn") / task.name).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} already exists and is not empty. Name another folder.")
    if not task.starter:
        start_project(folder)
    write_files(folder, task.starter)
    keep({**read_all(), task.name: {"folder": str(folder)}})
    console.print(f"\n[bold]{escape(task.heading)}[/bold]: {escape(task.goal)}")
    console.print(f"  Begin    in {folder}", markup=False)
    console.print(f"           with {task.begins_with}")
    console.print(f"  Read     {task.page}, or that page of `make docs`")
    console.print("  Build")
    for count, goal in enumerate(task.task.goals, 1):
        console.print(f"     {count}. {goal.says}", markup=False)
    console.print("  The tests use these names. You choose all others.")
    for line in task.task.relies_on:
        console.print(f"     - {line}", markup=False)
    console.print(f"  Time     about {task.minutes} minutes to write it")
    console.print(f"  Check    tutorial check {task.number}")
    console.print(f"  Stuck?   tutorial hint {task.number}; tutorial diff {task.number} compares your code with ours\n")


def is_done(facts):
    return "goals" in facts and facts.get("reached") == facts["goals"]


def current_goal(task, facts):
    """The goal where the last check stopped, or the first one."""
    return next((goal for goal in task.task.goals if goal.says == facts.get("goal")), task.task.goals[0])


def hint(step: Step):
    """Show one more hint for the goal where your last check stopped."""
    task = assignments.find(step)
    known = read(task)
    if is_done(known):
        console.print(f"All goals of {task.number} are reached. Compare with our solution: tutorial diff {task.number}")
        return
    goal = current_goal(task, known)
    given = known.get("hints", 0)
    console.print(f"{goal.says}", markup=False, style="bold")
    if given >= len(goal.hints):
        for count, text in enumerate(goal.hints, 1):
            console.print(f"{count}. {text}", markup=False)
        console.print(f"There are no more hints. Compare with our solution: tutorial diff {task.number}")
        return
    remember(task, hints=given + 1)
    console.print(f"{given + 1} of {len(goal.hints)}: {goal.hints[given]}", markup=False)


def show_next():
    """Show your next goal, or the next step and the command that begins it."""
    known = read_all()
    if begun := [name for name, facts in known.items() if not is_done(facts)]:
        task = assignments.find(begun[-1])  # the one that you began last
        console.print(f"[bold]{escape(task.heading)}[/bold]: {escape(current_goal(task, known[task.name]).says)}")
        console.print(f"Check your code: tutorial check {task.number}. For a hint: tutorial hint {task.number}")
    elif step := next((step for step in all_steps() if step.name not in known), None):
        task = assignments.of_step(step)
        console.print(f"[bold]{escape(task.heading)}[/bold]: {escape(task.goal)}")
        console.print(f"To begin: tutorial start {task.number}")
    else:
        console.print("You have done all steps. The exercises are in docs/exercises.md.")


def status():
    """Show all steps, and how many goals of each you have reached."""
    table, known = Table(box=None, padding=(0, 2, 0, 0)), read_all()
    for column in ("step", "", "minutes", "goals", "folder"):
        right = column in ("minutes", "goals")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    begun = [exercise for exercise in assignments.all_exercises() if known.get(exercise.name)]
    for task in [*map(assignments.of_step, all_steps()), *map(assignments.of_exercise, begun)]:
        facts = known.get(task.name, {})
        reached = f"{facts['reached']} of {facts['goals']}" if "reached" in facts else "begun" if facts else "–"
        folder = facts.get("folder", "").removeprefix(f"{Path.cwd()}{os.sep}")
        table.add_row(task.number, task.title, str(task.minutes), reached, escape(folder))
    console.print(table)


def diff(
    step: Step,
    folder: Annotated[Path | None, typer.Argument(help="Your folder.", show_default="where you started it")] = None,
):
    """Show how your code differs from our solution (- is yours, + is ours). Tests and READMEs are left out."""
    task = assignments.find(step)
    folder = folder_of(task, folder)
    with tempfile.TemporaryDirectory() as place:
        for side, files in (("yours", step_files(folder)), (task.name, task.solution)):
            (Path(place) / side).mkdir()
            write_files(Path(place) / side, {name: text for name, text in files.items() if is_compared(name, text)})
        color = "always" if console.is_terminal else "never"
        command = ["git", "diff", "--no-index", "--no-prefix", f"--color={color}", "yours", task.name]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, errors="replace")
    print(done.stdout or f"{folder} is byte-for-byte identical to our solution of {task.number}.")


def is_compared(path, content):
    """Whether it is the learner's code: not a test, not what an editor or git keeps, not a picture."""
    hidden = any(part.startswith(".") for part in Path(path).parts)
    is_ours = path.startswith("tests/") or path in ("README.md", "step.toml", "pytest.ini")
    return not (hidden or is_ours or b"\0" in content)
