"""The command `tutorial`, and the tools of pytest and the site."""

import os
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What using a step leaves in its folder. A learner's package may be called data, so that is local at the top only.
LOCAL_ANYWHERE = ("__pycache__", ".pytest_cache", ".hypothesis", ".ruff_cache", ".git")
LOCAL_AT_THE_TOP = (".venv*", "venv", "db.sqlite3*", "data", "*.csv", "*.zip", "*.log")


class UserError(Exception):
    """An error that the user can fix. Its text is what the user reads."""


def is_local(name):
    """Whether a path, relative to a step's folder, was left there by using the step."""
    return name.name in LOCAL_ANYWHERE or any(fnmatch(name, at) for at in LOCAL_AT_THE_TOP)


def files_below(folder):
    """Yield the files of a step's folder, relative to it, without those that are local."""
    for place, folders, files in os.walk(folder, followlinks=True):
        here = Path(place).relative_to(folder)
        folders[:] = [name for name in folders if not is_local(here / name)]
        yield from (here / name for name in files if not is_local(here / name) and Path(place, name).is_file())


def all_steps(root=ROOT):
    """Return the folders of all steps, in order."""
    return sorted(path.parent for path in (root / "steps").glob("*/step.toml"))


def find_step(name, root=ROOT):
    """Return the folder of the step that a user calls 03, 3 or 03_streaming. Raises UserError."""
    steps = all_steps(root)
    for step in steps:
        if name in (step.name, step.name[:2], step.name[:2].lstrip("0")):
            return step
    raise UserError(f"There is no step {name!r}. The steps are: {', '.join(step.name for step in steps)}.")
