"""`tutorial carry`: take an edit of one step forward through all later steps."""

import os
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from tutorial import ROOT, UserError, find_step
from tutorial.options import Root, console
from tutorial.repo.step_changes import PER_STEP, about, step_files, steps_from


class NotCarried(Exception):
    """A file that somebody has to edit by hand. The text says which one and why."""


def carry(
    step: Annotated[str, typer.Argument(help="The step you have edited: 02, 2 or 02_httpresponse.")],
    since: Annotated[
        str, typer.Option(metavar="REF", help="Also carry what was committed after this commit.", show_default=False)
    ] = "",
    root: Root = ROOT,
):
    """Copy your edits of a step to all later steps, with three-way merges.

    Without --since these are the edits that you haven't committed. A file that conflicts, or that a later step has
    moved, is named and left as it is, and the exit code is 1. Edit that file by hand, then run the command for that
    step.
    """
    first = find_step(step, root)
    steps = steps_from(first, root)
    verify = ("rev-parse", "--verify", "--quiet", f"{since or 'HEAD'}^{{commit}}")
    commit = git(root, *verify, fails=f"no commit {since!r}").decode().strip()
    carried, problems = 0, []
    if not (files := changed_files(first, commit)):
        hint = "" if since else " For edits that you have committed, name an earlier commit: --since REF."
        console.print(f"{first.name} has no edits since {since or 'the last commit'}.{hint}", markup=False)
    for file in files:
        try:
            for step, following in pairwise(steps):
                if done := carry_file(file, step, following, commit):
                    console.print(f"{done} {(following / file).relative_to(root)}", markup=False)
                    carried += 1
        except NotCarried as problem:
            again = f"tutorial carry {following.name}" + (f" --since {since}" if since else "")
            problems.append(f"{problem} Make the edit there by hand, then run: {again}")
    if files and not problems:
        console.print(f"Files carried: {carried}" if carried else "All later steps already have these edits.")
    for problem in problems:
        console.print(problem, style="red", markup=False)
    return 1 if problems else 0


def changed_files(step, commit):
    """The files of a step that differ from the commit, new and deleted ones too."""
    changed = git(step, "diff", "--name-only", "-z", "--relative", commit, "--", ".")
    new = git(step, "ls-files", "--others", "--exclude-standard", "-z")
    return sorted({file for file in (changed + new).decode().split("\0") if file} - PER_STEP)


def carry_file(file, step, following, commit):
    """Make the edit of `step/file` in `following/file`. Returns what was done, if anything; raises NotCarried."""
    base, edited, target = committed(step, file, commit), read(step / file), read(following / file)
    if edited in (base, target) or (target is None and file in about(following).get("retires", {})):
        return None
    if target == base:
        return write(following / file, edited)
    if target is None:
        new = step_files(following).keys() - step_files(step).keys()
        moved = [f" It may have moved to {name}." for name in sorted(new) if Path(name).name == Path(file).name]
        raise NotCarried(f"{following.name} has no {file}.{''.join(moved)}")
    merged = merge(target, base, edited) if None not in (base, edited) else None
    if merged is None:
        raise NotCarried(f"Conflict in steps/{following.name}/{file}, which was left as it is.")
    return write(following / file, merged) if merged != target else None


def merge(ours, base, theirs):
    """The three-way merge of three versions (bytes), or None if they conflict."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("ours", "base", "theirs")]
        for path, content in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(content)
        run = subprocess.run(["git", "merge-file", "-p", *map(str, paths)], capture_output=True)
    return run.stdout if run.returncode == 0 else None


def read(path):
    return path.read_bytes() if path.is_file() else None


def write(path, content):
    if content is None:
        path.unlink()
        return "removed"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return "changed"


def committed(step, file, commit):
    """The file's content in the commit, or None."""
    shown = subprocess.run(["git", "show", f"{commit}:./{file}"], cwd=step, capture_output=True)
    return shown.stdout if shown.returncode == 0 else None


def git(folder, *arguments, fails="", **variables):
    """Return what git prints (bytes), or raise UserError with the reason why it failed."""
    run = subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **variables}, capture_output=True)
    if run.returncode:
        raise UserError(f"git can't help here: {run.stderr.decode().strip() or fails}.")
    return run.stdout
