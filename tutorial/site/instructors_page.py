"""The instructors' page of the site, made of the [teach] part of each step.toml. `tutorial record` writes it."""

from tutorial import ROOT, all_steps
from tutorial.repo.step_changes import about

BREAKS = {"half_day": {"04": 15}, "one_day": {"03": 15, "07": 60, "09": 15}}  # minutes, after which step
BEGIN = 9 * 60

HEAD = """---
description: Schedules, live demonstrations and questions for teaching the tutorial in half a day or a whole day.
search:
  boost: 0.1
---

# For instructors

A class of any size can build the same job ten times, and see each time what the last way could not do.
This page is made of `[teach]` in each step's `step.toml`: change it there.

## Before the class

1. Everybody clones the repository and runs `make demo` and `make test-setup` at home: that is where the downloading is.
2. `tutorial doctor` on the machine in front of the class. No step's demo needs a server to be installed; Redis and
   RabbitMQ are for those who want to see them.
3. Run each live demonstration once. Its library is kept, and the second time it starts at once.

Learners begin a step with `tutorial start 03`, and look at their own work with `tutorial check 03`. Who is stuck asks
`tutorial hint 03`; who comes late, or has lost the way, starts the next step, which begins with our code.
"""

CLASS = """## A whole class

`tutorial check` takes many folders. Each is copied and tested in processes of its own, for so many seconds at most,
and has one line:

```text
tutorial check 03 --csv --limit 90 submissions/* > step-03.csv
```

The columns are folder, goals reached, of how many, tests passed, tests failed, seconds, and the first goal that is not
reached, or why the tests could not be run. The tests run the code that they test: do it where a stranger's code can do
no harm, in a container without a network.

Who prefers history to folders gets it from `tutorial branches`: a branch for each step, in one line of commits, so that
`git diff step/02_httpresponse step/03_streaming` is the lesson.
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
    lines.append("**What often goes wrong**\n")
    lines += [f"- {mistake}" for mistake in teach["mistakes"]]
    return "\n".join(lines) + "\n"
