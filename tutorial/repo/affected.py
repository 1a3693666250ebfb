"""`tutorial affected`: what depends on a file of a step, and may need an edit when the file changes."""

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path

from tutorial import UserError, find_step
from tutorial.repo.carry import moved_to
from tutorial.repo.step_changes import PER_STEP, about, step_files, steps_from

FENCE = re.compile(r"^ *```(listing|stepdiff)\n *(.+)$", re.MULTILINE)


def run(name, root, console):
    """Print what depends on the file and on its copies in later steps, a group for each kind."""
    step, file = find_file(name, root)
    copies, lines = later_copies(step, file, root)
    groups = {
        "Later steps": lines,
        "Pages that show it": pages(copies, root),
        "Goals with its tests": goals(copies, root),
        "Exercises that change it": exercises(copies, root),
        "Wrong attempts at it": mistakes(copies, root),
    }
    for heading, found in groups.items():
        if found:
            console.print("\n  ".join([heading, *found]), markup=False)
    if not any(groups.values()):
        console.print(f"Nothing depends on {step.name}/{file}.", markup=False)


def find_file(name, root):
    """The folder of the step and the file in it. `name` is a path, or begins with a step: 03/library/views.py."""
    path, steps = Path(name).resolve(), (root / "steps").resolve()
    parts = path.relative_to(steps).parts if path.is_relative_to(steps) else Path(name).parts
    parts = parts[1:] if parts[:1] == ("steps",) else parts
    if len(parts) < 2:
        raise UserError(f"Name a file of a step, like 03/library/views.py, and not {name}.")
    step, file = find_step(parts[0], root), "/".join(parts[1:])
    if file not in (files := step_files(step)):
        alike = get_close_matches(file, files, n=1)
        raise UserError(f"{step.name} has no file {file}." + (f" Did you mean {alike[0]}?" if alike else ""))
    return step, file


def later_copies(step, file, root):
    """The names of the file in this and the later steps, by the step's name, and a line for each later step."""
    copies, lines, edited = {step.name: file}, [], (step / file).read_bytes()
    for following in steps_from(step, root)[1:] if file not in PER_STEP else []:
        files = step_files(following)
        if file in files:
            as_before = f"as in {step.name}" if files[file] == (step / file).read_bytes() else "different"
            says = "identical" if files[file] == edited else as_before
        elif moved := moved_to(file, (step / file).read_bytes(), step, following):
            says, file = f"missing; it may have moved: {moved} looks like it", moved
        else:
            lines.append(f"{following.name}: {'retired' if file in about(following).get('retires', {}) else 'missing'}")
            break
        lines.append(f"{following.name}: {says}")
        copies[following.name] = file
        step = following
    return copies, lines


def pages(copies, root):
    """The pages with a listing of a copy, or with a diff that has one on either side."""
    shown = {f"{step}/{file}" for step, file in copies.items()}
    found = []
    for page in sorted((root / "docs").rglob("*.md")):
        text = page.read_text("utf-8")
        for fence in FENCE.finditer(text):
            kind, words = fence[1], fence[2].split()
            sides = [f"{step}/{words[2]}" for step in words[:2]] if kind == "stepdiff" and words[2:] else words[:1]
            if not shown.isdisjoint(sides):
                line = text.count("\n", 0, fence.start()) + 1
                found.append(f"{page.relative_to(root).as_posix()}:{line} {kind} {fence[2]}")
    return found


def goals(copies, root):
    """The goals whose tests are in a copy."""
    return [
        f"{path.relative_to(root).as_posix()}: {goal['says']}"
        for path, file in beside("tutorial/learn/goals", copies, root)
        for goal in tomllib.loads(path.read_text("utf-8")).get("goal", [])
        if any(test.partition("::")[0] == file for test in goal["tests"])
    ]


def exercises(copies, root):
    """The exercises whose solution is a diff to a copy."""
    return [
        path.relative_to(root).as_posix()
        for step, file in copies.items()
        for path in sorted((root / "exercises").glob(f"{step[:2]}[a-z]_*/solution.diff"))
        if f"--- a/{file}\n" in path.read_text("utf-8")
    ]


def mistakes(copies, root):
    """The wrong attempts that change a copy, or that its tests catch."""
    return [
        f"{path.relative_to(root).as_posix()}: {mistake['name']}"
        for path, file in beside("tests/mistakes", copies, root)
        for mistake in tomllib.loads(path.read_text("utf-8")).get("mistake", [])
        if any(change["file"] == file for change in mistake["change"])
        or any(test.partition("::")[0] == file for test in mistake["caught"])
    ]


def beside(folder, copies, root):
    """The NN.toml of each step in the folder, with the name of the copy in that step."""
    paths = [(root / folder / f"{step[:2]}.toml", file) for step, file in copies.items()]
    return [(path, file) for path, file in paths if path.is_file()]
