"""The site's page of exercises, made from each exercise.toml. `tutorial record` writes it."""

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

There are two or three exercises for each step. Each begins with the complete code of its step, and you check it as you
check a step:

```text
tutorial start 03a        copies the code to begin with to learn/03a_keyset
tutorial check 03a        says which goals your code reaches, and why a test failed
tutorial hint 03a         shows one hint at a time
tutorial diff 03a         compares your code with our solution
```

The solutions below are diffs to the step. Other solutions can be as good. Open ours when yours works, or when you have
read all the hints.
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
