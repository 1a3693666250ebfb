"""Texts of the site that are made of the steps and the exercises when the site is built.

A page inserts one by its name, as it inserts a figure (see figures.py): `{{ teach.one_day }}`.
"""

import re
import tomllib

from tutorial import ROOT, all_steps
from tutorial.learn.assignments import all_exercises
from tutorial.repo.step_changes import about

# The schedules, and how many minutes of break they have after which step.
BREAKS = {"ninety_minutes": {}, "half_day": {"04": 15, "06": 15}, "one_day": {"03": 15, "06": 60, "08": 15}}
BEGIN = 9 * 60
LISTING = re.compile(r"^ *```listing\n *(\S+)", re.MULTILINE)
DIFF = re.compile(r"^ *```stepdiff\n *\S+ (\S+) (\S+)", re.MULTILINE)


def texts():
    """Return all texts by their names, as Markdown."""
    steps = all_steps()
    return {
        **{f"teach.{kind}": schedule(kind, steps) for kind in BREAKS},
        "teach.lessons": "\n".join(map(lesson, steps)),
        "exercises": "\n".join(map(exercises, steps)),
        **{f"ask.{step.name[:2]}": questions(step) for step in steps},
        **whole_files(steps),
    }


def schedule(kind, steps):
    """A table of the steps that the schedule has, with the time at which each begins."""
    lines, minute = ["| from | minutes | step | goal |", "| ---: | ---: | --- | --- |"], BEGIN
    for step in steps:
        facts, number = about(step), step.name[:2]
        if not (minutes := facts["teach"].get(kind)):
            continue
        lines.append(f"| {clock(minute)} | {minutes} | [{number} {facts['title']}]({step.name}.md) | {facts['goal']} |")
        minute += minutes
        if pause := BREAKS[kind].get(number):
            lines.append(f"| {clock(minute)} | {pause} | *break* | |")
            minute += pause
    return "\n".join([*lines, f"| {clock(minute)} | | *end* | |"])


def clock(minute):
    return f"{minute // 60}:{minute % 60:02}"


def lesson(step):
    facts = about(step)
    teach = facts["teach"]
    lines = [f"## {step.name[:2]} {facts['title']}\n", f"{facts['goal']} [The chapter]({step.name}.md).\n"]
    lines += ["**Show it live**\n", *(f"- `{each['run']}`: {each['say']}" for each in teach["show"])]
    lines += ["\n**Ask the class**\n", questions(step)]
    lines += ["**Common mistakes**\n", *(f"- {mistake}" for mistake in teach["mistakes"])]
    return "\n".join(lines) + "\n"


def questions(step):
    """The questions about a step, each with its answer in a box that is closed."""
    asked = about(step)["teach"]["ask"]
    return "\n".join(f'??? question "{each["question"]}"\n    {each["answer"]}\n' for each in asked)


def exercises(step):
    lines = [f"## {step.name[:2]} {about(step)['title']}\n"]
    for folder in all_exercises():
        if folder.name[:2] == step.name[:2]:
            facts = tomllib.loads((folder / "exercise.toml").read_text("utf-8"))
            lines.append(f"### {folder.name[:3]} {facts['title']}\n")
            lines.append(f"*{facts['level'].capitalize()}, about {facts['minutes']} minutes.* {facts['task']}\n")
            lines += [f"{count}. {goal['says']}" for count, goal in enumerate(facts["goal"], 1)]
            lines += [f"\nThe tests use: {'; '.join(facts['relies_on'])}.\n", '??? tip "Hints"\n']
            lines += [f"    - {hint}" for goal in facts["goal"] for hint in goal["hints"]]
            lines.append('\n??? success "Our solution"\n')
            lines.append(f"    ```listing\n    {folder.name}/solution.diff\n    ```\n")
    return "\n".join(lines)


def whole_files(steps):
    """For each chapter the files that it shows, whole: the code, and the tests on a page of their own."""
    texts = {}
    for step in (path.name for path in steps):
        for name in files_shown((ROOT / "docs" / f"{step}.md").read_text("utf-8"), step):
            page = f"files.{step}.tests" if name.startswith("tests/") else f"files.{step}"
            texts[page] = texts.get(page, "") + f"## `{name}`\n\n```listing\n{step}/{name}\n```\n\n"
    return texts


def files_shown(page, step):
    """The files of the step in a chapter's text, by their names in the step, sorted."""
    shown = LISTING.findall(page) + ["/".join(places) for places in DIFF.findall(page)]
    return sorted({name.removeprefix(f"{step}/") for name in shown if name.startswith(f"{step}/")})
