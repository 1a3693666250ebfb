"""`tutorial carry`: an edit of one step, taken forward through all later ones."""

import subprocess
import tempfile
from pathlib import Path

from tutorial import UserError, all_steps, find_step

PER_STEP = {"README.md", "step.toml"}  # each step writes its own


def run(name, root, console):
    """Merge what changed in a step since the last commit into each later step."""
    steps = all_steps(root)
    first = steps.index(find_step(name, root))
    carried = 0
    for step, following in zip(steps[first:], steps[first + 1 :], strict=False):
        for file in changed_files(step, root):
            if file not in PER_STEP:
                done = carry_file(file, step, following, root)
                carried += bool(done)
                if done:
                    console.print(f"{done} {(following / file).relative_to(root)}")
    console.print(f"{carried} files carried." if carried else "Nothing to carry: no later step lacks these edits.")


def changed_files(step, root):
    """The files of a step that differ from the last commit, new and deleted ones too."""
    changed = git(root, "diff", "--name-only", "-z", "--relative", "HEAD", "--", ".", cwd=step)
    new = git(root, "ls-files", "--others", "--exclude-standard", "-z", cwd=step)
    return sorted(file for file in (changed + new).decode().split("\0") if file)


def carry_file(file, step, following, root):
    """Make the edit of `step/file` in `following/file`; return what was done, if anything."""
    edited, target = read(step / file), read(following / file)
    base = committed(step / file, root)
    if edited == target or (target is None and base is not None):
        return None  # it is there already, or the later step has removed the file
    if target == base:
        return write(following / file, edited)
    if edited is None or base is None:
        raise conflict(following / file, root)
    merged = merge(target, base, edited)
    if merged is None:
        raise conflict(following / file, root)
    return write(following / file, merged) if merged != target else None


def merge(ours, base, theirs):
    """The three-way merge of three versions (bytes), or None if they conflict."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("ours", "base", "theirs")]
        for path, content in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(content)
        run = subprocess.run(["git", "merge-file", "-p", *map(str, paths)], capture_output=True)
    return run.stdout if run.returncode == 0 else None


def conflict(path, root):
    return UserError(
        f"Conflict in {path.relative_to(root)}: it was left as it is. "
        f"Make the edit there by hand, then run: tutorial carry {path.relative_to(root).parts[1]}"
    )


def read(path):
    return path.read_bytes() if path.is_file() else None


def write(path, content):
    if content is None:
        path.unlink()
        return "removed"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return "changed"


def committed(path, root):
    name = path.relative_to(root).as_posix()
    if not git(root, "ls-tree", "--name-only", "HEAD", "--", name):
        return None
    return git(root, "show", f"HEAD:{name}")


def git(root, *arguments, cwd=None):
    run = subprocess.run(["git", *arguments], cwd=cwd or root, capture_output=True)
    if run.returncode:
        raise UserError(f"git {arguments[0]} failed, and carry needs it: {run.stderr.decode().strip()}")
    return run.stdout
