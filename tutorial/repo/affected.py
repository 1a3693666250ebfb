"""`tutorial affected`: what depends on a file of a step, and may need an edit when the file changes."""

import re
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from tutorial import ROOT, UserError, find_step
from tutorial.options import Root, console
from tutorial.repo.carry import moved_to
from tutorial.repo.step_changes import PER_STEP, about, steps_from


def affected(
    file: Annotated[str, typer.Argument(help="A file of a step: its path, or 03/library/views.py.")],
    root: Root = ROOT,
):
    """List what names a file of a step: later steps, pages, goals, exercises and wrong attempts."""
    step, file = find_file(file, root)
    copies, later_steps = later_copies(step, file, root)
    lines = [*later_steps, *mentions(copies, root)]
    for line in lines or [f"Nothing depends on {step.name}/{file}."]:
        console.print(line, markup=False)


def find_file(name, root):
    """The folder of the step and the file in it. `name` is a path, or begins with a step: 03/library/views.py."""
    parts = Path(name).parts
    parts = parts[parts.index("steps") + 1 :] if "steps" in parts else parts
    if len(parts) < 2:
        raise UserError(f"Name a file of a step, like 03/library/views.py, and not {name}.")
    step, file = find_step(parts[0], root), "/".join(parts[1:])
    if not (step / file).is_file():
        raise UserError(f"{step.name} has no file {file}.")
    return step, file


def later_copies(step, file, root):
    """The names of the file in this and the later steps, by the step's name, and a line for each later step."""
    copies, lines, edited = {step.name: file}, [], (step / file).read_bytes()
    for following in steps_from(step, root)[1:] if file not in PER_STEP else []:
        if (following / file).is_file():
            says = "identical" if (following / file).read_bytes() == edited else "different"
        elif moved := moved_to(file, (step / file).read_bytes(), step, following):
            says, file = f"missing; it may have moved: {moved} looks like it", moved
        else:
            lines.append(f"{following.name}: {'retired' if file in about(following).get('retires', {}) else 'missing'}")
            break
        lines.append(f"{following.name}: {says}")
        copies[following.name] = file
        step = following
    return copies, lines


def mentions(copies, root):
    """Yield the lines with a copy of the file, as grep prints them: of pages, goals, wrong attempts and exercises."""
    in_pages = "|".join(rf"^ *(\w+ )?{step}(/| (\w+ )?){re.escape(file)}( |$)" for step, file in copies.items())
    yield from found(in_pages, sorted((root / "docs").rglob("*.md")), root)
    for step, file in copies.items():
        name = re.escape(file)
        about_tests = (root / folder / f"{step[:2]}.toml" for folder in ("tutorial/learn/goals", "tests/mistakes"))
        solutions = (root / "exercises").glob(f"{step[:2]}[a-z]_*/solution.diff")
        yield from found(f'"{name}(::|")|^--- a/{name}$', chain(about_tests, sorted(solutions)), root)


def found(pattern, paths, root):
    for path in filter(Path.is_file, paths):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if re.search(pattern, line):
                yield f"{path.relative_to(root).as_posix()}:{number}: {line.strip()}"
