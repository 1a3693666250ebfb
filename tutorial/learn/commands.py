"""`tutorial start`, `check`, `hint`, `diff` and `status`: a learner's own way through the steps."""

import csv
import difflib
import json
import os
import shutil
import sys
from pathlib import Path

from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from tutorial import ROOT, UserError, all_steps, keep_out_of_solutions
from tutorial.learn import assignments, doctor
from tutorial.repo import step_changes

PROGRESS = Path(os.environ.get("TUTORIAL_PROGRESS") or ROOT / ".progress.json")
SHOWN = 3  # failed tests of a goal that are told one by one


def start(name, folder, console):
    """Put the code to begin with into `folder`."""
    task = assignments.find(name)
    folder = (folder or Path("learn") / task.name).absolute()
    keep_out_of_solutions(folder)
    make_room(folder)
    try:
        task.put(folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}.") from None
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    forget(task)
    remember(task, folder=str(folder), goal=0, hints=0)
    say_what_to_build(task, folder, console)


def make_room(folder):
    """Leave alone what is there already."""
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} is there already, and not empty: it stays as it is. Name another folder.")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}.") from None


def say_what_to_build(task, folder, console):
    console.print(f"\n[bold]{escape(task.heading)}[/bold]: {escape(task.goal)}")
    console.print(f"  Begin    in {folder}", markup=False)
    console.print(f"           with {task.begins_with}")
    console.print(f"  Read     {task.page}, or that page of `make docs`")
    console.print("  Build")
    for count, goal in enumerate(task.task.goals, 1):
        console.print(f"     {count}. {goal.says}", markup=False)
    console.print("  The tests use these names. All others are yours.")
    for line in task.task.relies_on:
        console.print(f"     - {line}", markup=False)
    console.print(f"  Time     about {task.minutes} minutes")
    console.print(f"  Check    tutorial check {task.number}")
    console.print(
        f"  Stuck?   tutorial hint {task.number}; tutorial diff {task.number} shows the way to our solution\n"
    )


def folder_of(task, folder):
    """The folder that was named, or the one that the step was started in."""
    if not folder:
        known = progress().get(task.name, {}).get("folder")
        if not known:
            raise UserError(f"Which folder? Name it, or begin with: tutorial start {task.number}")
        folder = Path(known)
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    return Path(os.path.realpath(folder))


def progress():
    try:
        known = json.loads(PROGRESS.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def remember(task, **facts):
    """Keep where a learner is. A place that cannot be written costs the memory, and nothing else."""
    known = progress()
    keep({**known, task.name: known.get(task.name, {}) | facts})


def forget(task):
    keep({name: facts for name, facts in progress().items() if name != task.name})


def keep(known):
    part = PROGRESS.with_name(f"{PROGRESS.name}.part")
    try:
        part.write_text(json.dumps(known, indent=2), "utf-8")
        part.replace(PROGRESS)
    except OSError:
        pass


def check(name, folders, as_csv, limit, console):
    """Say of one folder what it reaches and what comes next, of many a line each. Gives the exit code."""
    if not doctor.has_test_tools():
        raise UserError(f"What the tests need is not installed: {doctor.TEST_SETUP[doctor.system()]}")
    from tutorial.learn import run_tests

    task = assignments.find(name)
    if len(folders) < 2 and not as_csv:
        folder = folder_of(task, folders[0] if folders else None)
        with console.status(f"Checking {escape(str(folder))}, at most {limit} seconds …"):
            verdict = run_tests.check(task, folder, limit)
        tell(verdict, console)
        return 0 if is_complete(verdict) else 1
    verdicts = []
    table = csv.writer(sys.stdout, lineterminator="\n")
    if as_csv:
        table.writerow(["folder", "goals", "of", "passed", "failed", "seconds", "next"])
    for folder in folders or [None]:
        try:
            real = folder_of(task, folder)
            folder = folder or real  # a list is easier to read with the names that were typed
            verdict = run_tests.check(task, real, limit)
        except (UserError, OSError) as error:
            verdict = run_tests.Verdict(task, folder, trouble=str(error))
        verdicts.append(verdict)
        row = [folder, *as_row(verdict)]
        if as_csv:
            table.writerow(row)
            sys.stdout.flush()
        else:
            console.print(f"{row[1]} of {row[2]}  {folder}  {row[6]}", markup=False)
    complete = sum(map(is_complete, verdicts))
    print(f"{complete} of {len(verdicts)} have reached all goals of {task.number}.", file=sys.stderr)
    return 0 if complete == len(verdicts) else 1


def is_complete(verdict):
    return next_goal(verdict) is None


def next_goal(verdict):
    """The number, from 0, of the first goal that is not reached; None if all are."""
    numbers = [count for count, goal in enumerate(verdict.assignment.task.goals) if not verdict.reached(goal)]
    return numbers[0] if numbers else None


def as_row(verdict):
    all_goals, coming = verdict.assignment.task.goals, next_goal(verdict)
    says = verdict.trouble or ("" if coming is None else all_goals[coming].says)
    reached = sum(map(verdict.reached, all_goals))
    numbers = [len(verdict.passed()), len(verdict.failed()), round(verdict.seconds)]
    return [reached, len(all_goals), *numbers, says]


def tell(verdict, console):
    task, all_goals, coming = verdict.assignment, verdict.assignment.task.goals, next_goal(verdict)
    number, reached = task.number, sum(map(verdict.reached, all_goals))
    console.print(f"\n[bold]{escape(task.heading)}[/bold]: {reached} of {len(all_goals)} goals reached.\n")
    if verdict.trouble:
        console.print("The tests could not be run to their end:" if verdict.tests else "The tests could not be run:")
        console.print(f"  {verdict.trouble}\n", style="red", markup=False)
        for test in verdict.failed()[:SHOWN]:  # before the time was over
            tell_test(verdict, test, console)
    else:
        for goal in all_goals:
            tell_goal(verdict, goal, goal is all_goals[coming or 0] and coming is not None, console)
    facts = {"reached": reached, "goals": len(all_goals)}
    if coming is None:
        console.print(f"\nAll of it. Compare with our solution: tutorial diff {number}\n", style="green")
        remember(task, folder=str(verdict.folder), goal=0, hints=0, **facts)
    else:
        same = progress().get(task.name, {}).get("goal") == coming
        hints = max(progress().get(task.name, {}).get("hints", 0), 1) if same else 1
        remember(task, folder=str(verdict.folder), goal=coming, hints=hints, **facts)
        console.print(f"\n[bold]Next[/bold]: {escape(all_goals[coming].says)}")
        console.print(f"[bold]Hint[/bold]: {escape(all_goals[coming].hints[hints - 1])}")
        console.print(f"More: tutorial hint {number}\n")


def tell_goal(verdict, goal, in_detail, console):
    failed = verdict.failed(goal)
    of = [test for test, (outcome, _) in verdict.tests.items() if goal.has(test) and outcome != "skipped"]
    if not failed:
        mark = "[green]✓[/green]" if of else "[dim]–[/dim]"
        console.print(
            f"  {mark} {escape(goal.says)}{'' if of else ' [dim](needs more than this check has: pytest)[/dim]'}"
        )
        return
    console.print(f"  [red]✗[/red] {escape(goal.says)} [dim]({len(failed)} of {len(of)} tests)[/dim]")
    for test in failed[: SHOWN if in_detail else 0]:
        tell_test(verdict, test, console)
    if in_detail and len(failed) > SHOWN:
        console.print(f"      and {len(failed) - SHOWN} more")


def tell_test(verdict, test, console):
    console.print(f"      expected  {in_words(test)}", markup=False)
    console.print(f"      came      {in_short(verdict.tests[test][1])}", markup=False, style="red")
    console.print(f"      test      {test}", markup=False, style="dim")


def in_words(test):
    """tests/test_x.py::test_a_dash_is_standard_output[1] → a dash is standard output, with 1"""
    if "::" not in test:
        return f"{test} can be run"
    name, _, values = test.rpartition("::")[2].partition("[")
    words = name.removeprefix("test_").replace("_", " ")
    return f"{words}, with {values.removesuffix(']')}" if values else words


def in_short(message):
    """The first lines of what an assertion says, without its class."""
    lines = [line.strip() for line in message.removeprefix("AssertionError: ").splitlines() if line.strip()]
    text = "; ".join(lines[:2])
    return text if len(text) <= 300 else f"{text[:300]}…"


def hint(name, console):
    """The next hint for the goal at which the last check stopped."""
    task = assignments.find(name)
    known, all_goals = progress().get(task.name, {}), task.task.goals
    if known.get("reached") == len(all_goals):
        console.print(f"All goals of {task.number} are reached. Our way: tutorial diff {task.number}")
        return
    goal, given = all_goals[min(known.get("goal", 0), len(all_goals) - 1)], known.get("hints", 0)
    console.print(f"{goal.says}", markup=False, style="bold")
    if given >= len(goal.hints):
        for count, text in enumerate(goal.hints, 1):
            console.print(f"{count}. {text}", markup=False)
        console.print(f"That was the last one. The solution's way: tutorial diff {task.number}")
        return
    remember(task, hints=given + 1)
    console.print(f"{given + 1} of {len(goal.hints)}: {goal.hints[given]}", markup=False)


def diff(name, folder, console):
    """How the folder differs from the solution, in what is the step's own matter: not in its tests."""
    task = assignments.find(name)
    folder = folder_of(task, folder)
    ours, theirs = task.solution, step_changes.step_files(folder)
    differs = False
    for path in sorted(ours.keys() | theirs.keys()):
        if theirs.get(path) != ours.get(path) and is_compared(path, theirs.get(path, b"")):
            differs = True
            text = difference(path, theirs.get(path), ours.get(path), task.name)
            console.print(
                Syntax(text, "diff", background_color="default") if console.is_terminal else text, markup=False
            )
    if not differs:
        console.print(f"{folder} is the solution of {task.number}, to the byte.", markup=False)


def is_compared(path, content):
    """Whether it is the learner's code: not a test, not what an editor or git keeps, not a picture."""
    hidden = any(part.startswith(".") for part in Path(path).parts)
    return not (hidden or path.startswith("tests/") or path in ("README.md", "step.toml", "pytest.ini")) and (
        b"\0" not in content
    )


def difference(path, yours, ours, name):
    texts = [(content or b"").decode(errors="replace").splitlines() for content in (yours, ours)]
    lines = list(difflib.unified_diff(*texts, f"yours/{path}", f"{name}/{path}", lineterm=""))
    if not lines and yours is None:
        lines = [f"+++ {name}/{path}, which is empty, is not in yours"]
    elif not lines and ours is None:
        lines = [f"--- yours/{path}, which is empty, is not in {name}"]
    return "\n".join(lines or [f"--- yours/{path} differs in the ends of its lines only"])


def nearby(folder):
    """As it is called from here, if it is below."""
    return os.path.relpath(folder) if folder and Path(folder).is_relative_to(Path.cwd()) else folder


def status(console):
    """All steps, and how far the learner has come in each."""
    table, known = Table(box=None, padding=(0, 2, 0, 0)), progress()
    for column in ("step", "", "minutes", "goals", "folder"):
        right = column in ("minutes", "goals")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    begun = [exercise for exercise in assignments.all_exercises() if known.get(exercise.name)]
    for task in [*map(assignments.of_step, all_steps()), *map(assignments.of_exercise, begun)]:
        facts = known.get(task.name, {})
        reached = f"{facts['reached']} of {facts['goals']}" if "reached" in facts else "begun" if facts else "–"
        table.add_row(task.number, task.title, str(task.minutes), reached, escape(str(nearby(facts.get("folder", "")))))
    console.print(table)
