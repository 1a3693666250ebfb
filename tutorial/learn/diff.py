"""`tutorial diff`: how a learner's code differs from our solution."""

import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tutorial.learn import assignments, progress
from tutorial.options import Step, console
from tutorial.repo.step_changes import step_files, write_files


def diff(
    step: Step,
    folder: Annotated[Path | None, typer.Argument(help="Your folder.", show_default="where you started it")] = None,
):
    """Show how your code differs from our solution (- is yours, + is ours). Tests and READMEs are left out."""
    task = assignments.find(step)
    folder = progress.folder_of(task, folder)
    with tempfile.TemporaryDirectory() as place:
        for side, files in (("yours", step_files(folder)), (task.name, task.solution)):
            (Path(place) / side).mkdir()
            write_files(Path(place) / side, {name: text for name, text in files.items() if is_compared(name, text)})
        color = "always" if console.is_terminal else "never"
        command = ["git", "diff", "--no-index", "--no-prefix", f"--color={color}", "yours", task.name]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, errors="replace")
    print(done.stdout or f"{folder} is byte-for-byte identical to our solution of {task.number}.")


def is_compared(path, content):
    """Whether it is the learner's code: not a test, not what an editor or git keeps, not a picture."""
    hidden = any(part.startswith(".") for part in Path(path).parts)
    is_ours = path.startswith("tests/") or path in ("README.md", "step.toml", "pytest.ini")
    return not (hidden or is_ours or b"\0" in content)
