"""`tutorial start`: a folder with the code to begin with, and what to build in it."""

from pathlib import Path

from rich.markup import escape

from tutorial import UserError
from tutorial.learn import assignments, progress


def start(name, folder, console):
    """Put the code to begin with into `folder`."""
    task = assignments.find(name)
    folder = (folder or Path("learn") / task.name).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} already exists and is not empty. Name another folder.")
    task.put(folder)
    progress.keep({**progress.read_all(), task.name: {"folder": str(folder)}})
    say_what_to_build(task, folder, console)


def say_what_to_build(task, folder, console):
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
