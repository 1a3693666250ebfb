"""`tutorial branches`: the steps as local git branches, one commit on top of the other."""

import os
import subprocess
import tempfile
from pathlib import Path

from tutorial import ROOT, UserError, all_steps
from tutorial.learn.assignments import write
from tutorial.repo.step_changes import about, step_files

AUTHOR = "Django in the background"
EMAIL = "tutorial@example.com"  # the committer of each commit: only such branches are replaced


def run(console, root=ROOT):
    """Create or replace step/01_models and so on. The work tree, the index and other branches stay as they are."""
    if not (root / ".git").exists() or git(root, "rev-parse", "--git-dir", fails="") == "":
        raise UserError(f"{root} is no git repository of its own, so it can't have branches.")
    refuse_foreign_branches(root)
    commit, commits = "", {}
    for step in all_steps(root):
        commits[step] = commit = commit_of(step, root, commit)
    refs = "".join(f"update refs/heads/step/{step.name} {commit}\n" for step, commit in commits.items())
    git(root, "update-ref", "--stdin", says=refs)  # all of them, or none
    for step, commit in commits.items():
        console.print(f"  step/{step.name}  {commit[:10]}  {about(step)['title']}", markup=False)
    first, second = [f"step/{step.name}" for step in all_steps(root)[1:3]]
    console.print(f"\nSee a step:  git diff {first} {second}\nWork on one: git switch -c mine {first}", markup=False)


def refuse_foreign_branches(root):
    """Raise UserError if a branch has commits of somebody else, or is checked out."""
    used = git(root, "worktree", "list", "--porcelain").splitlines()
    for step in all_steps(root):
        name = f"step/{step.name}"
        # Changing one of our commits, or adding one, changes the committer.
        committers = {*git(root, "log", "--format=%ce", f"refs/heads/{name}", "--", fails="").split()}
        if committers - {EMAIL}:
            raise UserError(f"The branch {name} has work of yours. Rename it first: git branch -m {name} mine")
        if f"branch refs/heads/{name}" in used:
            raise UserError(
                f"{name} is checked out, here or in another work tree. Leave it there with: git switch main"
            )


def commit_of(step, root, parent):
    """Commit the files of the step and return the hash. The same files always give the same hash."""
    with tempfile.TemporaryDirectory() as place:
        # A separate work tree and index, so that the user's stay as they are.
        tree, index = Path(place) / "tree", Path(place) / "index"
        write(tree, step_files(step))
        options = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(tree)}
        git(root, "add", "--all", "--force", ".", cwd=tree, **options)
        written = git(root, "write-tree", cwd=tree, **options)
    facts = about(step)
    message = (
        f"{step.name[:2]} {facts['title']}\n\n{facts['goal']}\n\nMade by `tutorial branches`; never edited by hand."
    )
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in (
        ("NAME", AUTHOR), ("EMAIL", EMAIL), ("DATE", "2026-01-01T00:00:00Z"),
    )}  # fmt: skip
    return git(root, "commit-tree", written, *(["-p", parent] if parent else []), "-m", message, **who)


def git(root, *arguments, cwd=None, fails=None, says=None, **environment):
    """Return what git prints. If git fails, return `fails`, or raise UserError if that is None."""
    located = subprocess.run(["git", "-C", root, "rev-parse", "--absolute-git-dir"], capture_output=True, text=True)
    where = {"GIT_DIR": located.stdout.strip()} if located.returncode == 0 else {}
    if not where and fails is not None:
        return fails
    env = {**os.environ, **where, **environment}
    done = subprocess.run(["git", *arguments], cwd=cwd or root, env=env, input=says, capture_output=True, text=True)
    if done.returncode and fails is None:
        raise UserError(f"git says: {done.stderr.strip()}")
    return fails if done.returncode else done.stdout.strip()
