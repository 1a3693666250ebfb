"""`tutorial affected`: what depends on a file of a step, and may need an edit when the file changes."""

import re
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from tutorial import ROOT, UserError, find_step
from tutorial.options import Root, console
from tutorial.repo.step_changes import PER_STEP, steps_from


def affected(
    file: Annotated[str, typer.Argument(help="A file of a step: its path, or 03/library/views.py.")],
    root: Root = ROOT,
):
    """List what names a file of a step: later steps, pages, goals, exercises and wrong attempts."""
    step, file = find_file(file, root)
    steps = [step] if file in PER_STEP else steps_from(step, root)
    copies = {each.name: (each / file).read_bytes() for each in steps if (each / file).is_file()}
    lines = []
    for name in (later.name for later in steps[1:]):
        same = "identical" if copies.get(name) == copies[step.name] else "different"
        lines.append(f"{name}: {same if name in copies else 'missing'}")
    for line in [*lines, *mentions(file, copies, root)] or [f"Nothing depends on {step.name}/{file}."]:
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


def mentions(file, steps, root):
    """Yield the lines with a step's file, as grep prints them: of pages, goals, wrong attempts and exercises."""
    name = re.escape(file)
    pages = sorted((root / "docs").rglob("*.md"))
    yield from found(rf"^ *(\w+ )?({'|'.join(steps)})(/| (\w+ )?){name}( |$)", pages, root)
    for number in (step[:2] for step in steps):
        places = ("tutorial/learn/goals/{}.toml", "tests/mistakes/{}.toml", "exercises/{}[a-z]_*/solution.diff")
        paths = chain.from_iterable(sorted(root.glob(place.format(number))) for place in places)
        yield from found(f'"{name}(::|")|^--- a/{name}$', paths, root)


def found(pattern, paths, root):
    for path in paths:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if re.search(pattern, line):
                yield f"{path.relative_to(root).as_posix()}:{number}: {line.strip()}"
