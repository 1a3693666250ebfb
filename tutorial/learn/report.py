"""`tutorial check`: print which goals of a step a learner's code reaches, and what comes next."""

import csv
import re
import sys
import time
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from tutorial import UserError, files_below
from tutorial.learn import assignments, progress
from tutorial.learn.doctor import require
from tutorial.learn.run_tests import FAILED, NOT_CHECKED, REACHED, UNKNOWN, Result
from tutorial.learn.run_tests import check as run_check
from tutorial.options import Step, console

SHOWN = 3  # failed tests of a goal that are printed one by one
LONGEST = 160  # characters of a line
# What a message has besides the error: the frames of a traceback, and how to see more.
NOISE = re.compile(r"(?m)Traceback \(.*\n(?: +File .*\n(?: {4,}.*\n)*)+ *|^ *(?:Omitting|Skipping|Use -v|\.{3}Full).*$")


def check(
    step: Step,
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Your folder, or many folders of a class.", show_default="where you started it"),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a line of CSV for each folder.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Check again whenever you save a file.")] = False,
    limit: Annotated[int, typer.Option(min=5, help="How many seconds the tests of a folder may take.")] = 180,
):
    """Run the tests of a step on your code. Print which goals it reaches, why a test failed, and what comes next.

    The check runs on a copy of your folder. It also runs the fast tests of earlier steps. It leaves out most tests that
    need a database server, a broker or a browser. To see those tests with our code, run `pytest steps/STEP`. The exit
    code is 0 if you have reached all goals that can be checked here.

    With `--watch`, the next check begins with the goal that failed. Press Ctrl-C to stop.

    If you name several folders, each gets a line. The tests run the code in these folders. If you don't trust it, run
    the check in a container or a virtual machine.
    """
    require("pytest", "pytest_django", "xdist")
    folders = folders or []
    task = assignments.find(step)
    if watch and (as_csv or len(folders) > 1):
        raise UserError("--watch is for one folder, and not for --csv.")
    if len(folders) > 1 or as_csv:
        return check_many(task, folders or [None], limit)
    folder = progress.folder_of(task, folders[0] if folders else None)
    if watch:
        check_after_each_save(task, folder, limit)
    return 0 if check_one(task, folder, limit).is_complete() else 1


def check_one(task, folder, limit, changed=lambda: None, first=None):
    """Check a folder, and print each goal as soon as it is known, beginning with the goal `first`."""
    goals = sorted(task.task.goals, key=lambda goal: goal != first)
    in_order = replace(task, task=replace(task.task, goals=goals))
    report = Report(in_order)
    console.print(f"\n[bold]{escape(task.heading)}[/bold]: checking {escape(str(folder))}\n")
    with console.status(f"Running tests, for at most {limit} seconds …"):
        result = run_check(in_order, folder, limit, lambda result: (changed(), report.update(result)))
    result.assignment = task
    report.end(result)
    return result


class Report:
    """Prints each goal once, in order, when all its tests have run."""

    def __init__(self, task):
        self.task, self.coming = task, list(task.task.goals)
        self.in_detail = True  # until the first goal that failed

    def update(self, result):
        while self.coming and result.collected and not result.of(self.coming[0], "expected") and not result.trouble:
            self.print_goal(result, self.coming.pop(0))

    def end(self, result):
        """Print what is left, and what comes next. Remember it for `tutorial hint` and `tutorial status`."""
        self.update(result)
        number, goal = self.task.number, next_goal(result)
        if result.trouble:
            console.print("The tests could not finish:" if result.tests else "The tests could not be run:")
            console.print(f"  {result.trouble}", style="red", markup=False)
            self.print_failed(result, result.of(None, "failed"))
        if result.trouble and not result.tests:  # nothing is known about the goals, so what was known stays
            progress.remember(self.task, folder=str(result.folder))
            console.print("\nCorrect this error, and check again.\n")
            return
        facts = {"folder": str(result.folder), "reached": len(result.goals(REACHED)), "goals": checked(result)}
        left_out = len(result.goals(NOT_CHECKED))
        more = f" checked here reached, {left_out} not checked." if left_out else " reached."
        console.print(f"\n{facts['reached']} of {facts['goals']} goals{more}")
        if result.is_complete():
            progress.remember(self.task, goal="", hints=0, **facts)
            console.print(f"All goals reached. Compare with our solution: tutorial diff {number}\n", style="green")
        elif goal:
            known = progress.read(self.task)
            hints = known.get("hints", 0) if known.get("goal") == goal.says else 0
            failed = [test.rpartition("::")[2].partition("[")[0] for test in result.of(goal, "failed")]
            hint = next((goal.hint_for[function] for function in failed if function in goal.hint_for), "")
            if not hint:
                hints = max(hints, 1)
                hint = goal.hints[hints - 1]
            progress.remember(self.task, goal=goal.says, hints=hints, **facts)
            console.print(f"\n[bold]Next[/bold]: {escape(goal.says)}")
            console.print(f"[bold]Hint[/bold]: {escape(hint)}")
            console.print(f"More: tutorial hint {number}\n")

    def print_goal(self, result, goal):
        says, failed = escape(goal.says), result.of(goal, "failed")
        if result.state(goal) == NOT_CHECKED:
            step = "" if "tests/exercise" in goal.tests[0] else f"; run pytest steps/{self.task.number}_*"
            why = escape(f"not checked here: {reasons(result, goal) or 'takes too long'}{step}")
            console.print(f"  [dim]–[/dim] {says} [dim]({why})[/dim]")
        elif not failed:
            skipped, passed = len(result.of(goal, "skipped")), len(result.of(goal, "passed"))
            why = escape(f"({skipped} of {skipped + passed} tests not run here: {reasons(result, goal, 'skipped')})")
            console.print(f"  [green]✓[/green] {says}" + (f" [dim]{why}[/dim]" if skipped else ""))
        else:
            ran = len(failed) + len(result.of(goal, "passed"))
            console.print(f"  [red]✗[/red] {says} [dim]({len(failed)} of {ran} tests failed)[/dim]")
            self.print_failed(result, failed)

    def print_failed(self, result, tests):
        """Print why these tests failed, if they are the first ones of this report. Of many, only name the others."""
        for test in tests[:SHOWN] if self.in_detail else []:
            console.print(f"      expected  {in_words(test)}", markup=False)
            console.print(f"      got       {in_short(result.tests[test][1])}", markup=False, style="red")
            console.print(f"      test      {test}", markup=False, style="dim")
        if others := tests[SHOWN:] if self.in_detail else []:
            console.print(f"      and {len(others)} more: {'; '.join(map(in_words, others))}", markup=False)
        self.in_detail = False


def next_goal(result):
    """The first goal of the chapter that is not reached; None if there is none."""
    return next(iter(result.goals(FAILED, UNKNOWN)), None)


def checked(result):
    return len(result.goals(REACHED, FAILED, UNKNOWN))


def reasons(result, goal, *outcomes):
    """Why tests of this goal did not run."""
    tests = result.of(goal, *outcomes or ("left out", "skipped"))
    return ", ".join(sorted({result.tests[test][1] for test in tests}))


def in_words(test):
    """tests/test_x.py::test_a_dash_is_standard_output[1] → a dash is standard output, with 1"""
    if "::" not in test:
        return f"{test} can be run"
    name, _, values = test.rpartition("::")[2].partition("[")
    words = name.removeprefix("test_").replace("_", " ")
    return f"{words}, with {values.removesuffix(']')}" if values else words


def in_short(message):
    """The first lines of a message that say what is wrong, each cut if it is long. Any failed test is an assertion."""
    lines = filter(None, map(str.strip, NOISE.sub("", message).removeprefix("AssertionError: ").splitlines()))
    return "; ".join(line if len(line) <= LONGEST else f"{line[:LONGEST]}…" for line in islice(lines, 3))


def check_many(task, folders, limit):
    """Print a line of CSV for each folder. A folder that cannot be checked does not stop the list."""
    table, complete = csv.writer(sys.stdout, lineterminator="\n"), 0
    table.writerow(["folder", "goals", "of", "passed", "failed", "seconds", "next"])
    for folder in folders:
        try:
            real = progress.folder_of(task, folder)
            folder = folder or real  # a list is easier to read with the names that were typed
            result = run_check(task, real, limit)
        except (UserError, OSError) as error:
            result = Result(task, folder, trouble=str(error))
        goal, complete = next_goal(result), complete + result.is_complete()
        goals = len(result.goals(REACHED)), checked(result)
        tests = (len(result.of(None, outcome)) for outcome in ("passed", "failed"))
        says = result.trouble or (goal.says if goal else "")
        table.writerow([folder, *goals, *tests, round(result.seconds), says])
        sys.stdout.flush()
    print(f"{complete} of {len(folders)} have reached all goals of {task.number}.", file=sys.stderr)
    return 0 if complete == len(folders) else 1


class FileSaved(Exception):
    """The learner has saved a file, so a running check is out of date."""


def check_after_each_save(task, folder, limit):
    """Check again whenever a file of the folder is saved, beginning with the goal that failed. Ctrl-C ends it."""
    goal = None
    while True:
        seen = saved(folder)

        def stop_if_saved(seen=seen):
            if saved(folder) not in (seen, {}):
                raise FileSaved

        try:
            goal = next_goal(check_one(task, folder, limit, stop_if_saved, first=goal))
        except UserError as error:
            console.print(str(error), style="red", markup=False)
        except FileSaved:
            pass
        else:
            console.print("Save a file to check again. Press Ctrl-C to stop.")
        while (now := saved(folder)) in (seen, {}):
            time.sleep(0.2)
        names = sorted(str(name) for name in now.keys() | seen.keys() if now.get(name) != seen.get(name))
        console.rule(f"{time.strftime('%H:%M:%S')}  {escape(', '.join(names[:3]))}")


def saved(folder):
    """When each file was saved, by its path inside of the folder. Nothing, while an editor replaces one of them."""
    with suppress(OSError):
        return {name: (folder / name).stat().st_mtime_ns for name in files_below(folder)}
    return {}
