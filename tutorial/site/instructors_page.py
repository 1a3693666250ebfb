"""The instructors' page of the site, made from the [teach] part of each step.toml. `tutorial record` writes it."""

from tutorial import ROOT, all_steps
from tutorial.repo.step_changes import about

BREAKS = {"half_day": {"04": 15}, "one_day": {"03": 15, "06": 60, "07": 15}}  # minutes, after which step
BEGIN = 9 * 60

HEAD = """---
description: Schedules, live demonstrations and questions for teaching the tutorial in half a day or a whole day.
search:
  boost: 0.1
---

# For instructors

You can teach the tutorial to a class of any size, in half a day or in a whole day. This page is generated from the
`[teach]` part of each step's `step.toml`, so change it there.

## Before the class

1. Ask everybody to clone the repository and to run `make demo` and `make test-setup` at home, because these commands
   download packages.
2. Run `tutorial doctor` on the computer that the class will see. The demos need no server. Install Redis and RabbitMQ
   only if you want to show them.
3. Run each live demonstration once. The demo keeps its library, so it starts faster the second time.

Learners begin a step with `tutorial start 03`, check their code with `tutorial check 03`, and get hints with
`tutorial hint 03`. A learner who comes late or is stuck can start the next step, because it begins with our code.
"""

CLASS = """## A whole class

`tutorial check` accepts many folders. It copies each folder, tests the copy in separate processes, stops after a time
limit, and prints one line for each folder:

```text
tutorial check 03 --csv --limit 90 submissions/* > step-03.csv
```

The columns are the folder, the goals reached, the number of goals, the tests passed, the tests failed, the seconds, and
the first goal that isn't reached. If the tests can't be run, the last column says why.

!!! warning
    The tests run the learners' code. Use a container without a network, where that code can do no harm.

If you prefer branches to folders, `tutorial branches` makes a branch for each step, in one line of commits. Then
`git diff step/02_httpresponse step/03_streaming` shows the lesson.
"""


def page(root=ROOT):
    """The whole page, as Markdown."""
    parts = [HEAD, "## Schedules\n"]
    parts += [schedule("A half day", "half_day", root), schedule("A whole day", "one_day", root)]
    parts += [CLASS]
    parts += [lesson(step) for step in all_steps(root)]
    return "\n".join(parts)


def schedule(title, kind, root=ROOT):
    lines, minute = [f"### {title}\n", "| from | minutes | step | goal |", "| ---: | ---: | --- | --- |"], BEGIN
    for step in all_steps(root):
        facts, number = about(step), step.name[:2]
        minutes = facts["teach"][kind]
        lines.append(f"| {clock(minute)} | {minutes} | [{number} {facts['title']}]({step.name}.md) | {facts['goal']} |")
        minute += minutes
        if pause := BREAKS[kind].get(number):
            lines.append(f"| {clock(minute)} | {pause} | *break* | |")
            minute += pause
    lines.append(f"| {clock(minute)} | | *end* | |")
    return "\n".join(lines) + "\n"


def clock(minute):
    return f"{minute // 60}:{minute % 60:02}"


def lesson(step):
    facts, number = about(step), step.name[:2]
    teach = facts["teach"]
    lines = [
        f"## {number} {facts['title']}\n",
        f"{facts['goal']} [The chapter]({step.name}.md).\n",
        "**Show it live**\n",
    ]
    for each in teach["show"]:
        lines.append(f"- `{each['run']}`: {each['say']}")
    lines.append("\n**Ask the class**\n")
    for each in teach["ask"]:
        lines.append(f'??? question "{each["question"]}"\n    {each["answer"]}\n')
    lines.append("**Common mistakes**\n")
    lines += [f"- {mistake}" for mistake in teach["mistakes"]]
    return "\n".join(lines) + "\n"
