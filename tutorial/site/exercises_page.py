"""The site's page of exercises, made of each exercise.toml. `tutorial record` writes it."""

import tomllib

from tutorial import all_steps
from tutorial.learn.assignments import all_exercises
from tutorial.repo.step_changes import about

HEAD = """---
description: Two or three exercises for each step, with hints, tests and solutions.
search:
  boost: 0.1
---

# Exercises

Two or three for each step, from easy to hard. Each begins with the whole of its step, and is checked like a step:

```text
tutorial start 03a        the code to begin with, in learn/03a_keyset
tutorial check 03a        what yours reaches, what is expected, what came instead
tutorial hint 03a         one hint at a time
tutorial diff 03a         how yours differs from our solution
```

The solutions below are one way of several, as a diff to the step. Open one when yours works, or when the hints are
used up.
"""


def page():
    """The whole page, as Markdown."""
    parts = [HEAD]
    for step in all_steps():
        parts.append(f"## {step.name[:2]} {about(step)['title']}\n")
        parts += [exercise(folder) for folder in all_exercises() if folder.name[:2] == step.name[:2]]
    return "\n".join(parts)


def exercise(folder):
    facts = tomllib.loads((folder / "exercise.toml").read_text("utf-8"))
    number = folder.name[:3]
    lines = [
        f"### {number} {facts['title']}\n",
        f"*{facts['level'].capitalize()}, about {facts['minutes']} minutes.* {facts['task']}\n",
    ]
    lines += [f"{count}. {goal['says']}" for count, goal in enumerate(facts["goal"], 1)]
    lines.append(f"\nThe tests use: {'; '.join(facts['relies_on'])}.\n")
    lines.append('??? tip "Hints"\n')
    lines += [f"    - {hint}" for goal in facts["goal"] for hint in goal["hints"]]
    lines.append('\n??? success "Our solution"\n')
    lines.append(f"    ```listing\n    {folder.name}/solution.diff\n    ```\n")
    return "\n".join(lines)
