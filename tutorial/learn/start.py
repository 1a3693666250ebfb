"""`tutorial start`: a folder with the code to begin with, and what to build in it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from tutorial import UserError
from tutorial.learn import assignments, progress
from tutorial.options import Step, console


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
    task.put(folder)
    progress.keep({**progress.read_all(), task.name: {"folder": str(folder)}})
    say_what_to_build(task, folder)


def say_what_to_build(task, folder):
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
    console.print(
        f"  Stuck?   tutorial hint {task.number}; tutorial diff {task.number} compares your code with our solution\n"
    )
