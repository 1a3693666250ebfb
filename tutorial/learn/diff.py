"""`tutorial diff`: how a learner's code differs from our solution."""

import difflib
from pathlib import Path

from rich.syntax import Syntax

from tutorial.learn import assignments, progress
from tutorial.repo.step_changes import step_files


def diff(name, folder, console):
    """How the folder differs from the solution, in what is the step's own matter: not in its tests."""
    task = assignments.find(name)
    folder = progress.folder_of(task, folder)
    ours, theirs = task.solution, step_files(folder)
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
    is_ours = path.startswith("tests/") or path in ("README.md", "step.toml", "pytest.ini")
    return not (hidden or is_ours or b"\0" in content)


def difference(path, yours, ours, name):
    texts = [(content or b"").decode(errors="replace").splitlines() for content in (yours, ours)]
    lines = list(difflib.unified_diff(*texts, f"yours/{path}", f"{name}/{path}", lineterm=""))
    return (
        "\n".join(lines) or f"{path}: only the ends of lines differ, or one of the two is missing and the other empty"
    )
