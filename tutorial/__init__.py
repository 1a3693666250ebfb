"""The repository's own tools: the command `tutorial`, and what pytest and the site need."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What using a step leaves in its folder, and what is no part of it.
LOCAL = ("__pycache__", ".pytest_cache", ".hypothesis", ".ruff_cache", ".venv*", "venv", "db.sqlite3*", "data")


class UserError(Exception):
    """Something that the user can mend. The text is one sentence for the user."""


def all_steps(root=ROOT):
    """The folders of all steps, in their order."""
    return sorted(path.parent for path in (root / "steps").glob("*/step.toml"))


def find_step(name, root=ROOT):
    """The folder of the step that a user calls 03, 3 or 03_streaming."""
    steps = all_steps(root)
    for step in steps:
        if name in (step.name, step.name[:2], step.name[:2].lstrip("0")):
            return step
    raise UserError(f"There is no step {name!r}. The steps are: {', '.join(step.name for step in steps)}.")
