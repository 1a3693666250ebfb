"""`tutorial branches`: the steps as local git branches, one commit each, in one line."""

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
    """Make step/01_models and so on anew. The work tree, the index and all other branches stay as they are."""
    # In somebody else's repository we make no branches.
    if not (root / ".git").exists() or git(root, "rev-parse", "--git-dir", fails="") == "":
        raise UserError(f"{root} is no git repository of its own, so there is nowhere to put branches.")
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
    """A branch that somebody else made, or that is checked out, is not ours to replace."""
    used = git(root, "worktree", "list", "--porcelain").splitlines()
    for step in all_steps(root):
        name = f"step/{step.name}"
        # Who changes a commit of ours, or adds one, is its committer.
        committers = {*git(root, "log", "--format=%ce", f"refs/heads/{name}", "--", fails="").split()}
        if committers - {EMAIL}:
            raise UserError(f"The branch {name} has work of yours. Rename it first: git branch -m {name} mine")
        if f"branch refs/heads/{name}" in used:
            raise UserError(f"{name} is checked out, here or in another work tree. Go elsewhere there: git switch main")


def commit_of(step, root, parent):
    """A commit with the files of the step at its top. The same files give the same commit, whoever makes it."""
    with tempfile.TemporaryDirectory() as place:
        # A work tree and an index of its own: nothing of the user's is touched.
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
    """What git prints. Where it fails: `fails`, if given, or a UserError with its own words."""
    located = subprocess.run(["git", "-C", root, "rev-parse", "--absolute-git-dir"], capture_output=True, text=True)
    where = {"GIT_DIR": located.stdout.strip()} if located.returncode == 0 else {}
    if not where and fails is not None:
        return fails
    env = {**os.environ, **where, **environment}
    done = subprocess.run(["git", *arguments], cwd=cwd or root, env=env, input=says, capture_output=True, text=True)
    if done.returncode and fails is None:
        raise UserError(f"git says: {done.stderr.strip()}")
    return fails if done.returncode else done.stdout.strip()
