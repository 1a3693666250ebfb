"""The repository's own tools: the command `tutorial`, and what pytest and the site need."""

import os
import signal
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What using a step leaves in its folder, and what is no part of it. A package of a learner's may be called data.
LOCAL_ANYWHERE = ("__pycache__", ".pytest_cache", ".hypothesis", ".ruff_cache")
LOCAL_AT_THE_TOP = (".venv*", "venv", "db.sqlite3*", "data")


class UserError(Exception):
    """Something that the user can mend. The text is one sentence for the user."""


def is_local(name):
    """Whether a path, relative to a step's folder, is what using the step has left there."""
    return not {*name.parts}.isdisjoint(LOCAL_ANYWHERE) or any(fnmatch(name.parts[0], at) for at in LOCAL_AT_THE_TOP)


def ignore_local(step):
    """For shutil.copytree, which copies the folder `step`."""
    return lambda folder, names: {name for name in names if is_local((Path(folder) / name).relative_to(step))}


def keep_out_of_solutions(folder):
    """Nobody's work goes into steps/ or exercises/. Raises UserError."""
    real = Path(os.path.realpath(folder))
    if {ROOT / "steps", ROOT / "exercises"} & {real, *real.parents}:
        raise UserError(f"{folder} is among the solutions, which stay as they are. Name another folder.")


def end_as_with_ctrl_c():
    """An ended terminal and `kill` reach only us, and we end what we have started."""
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)


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
