"""`tutorial branches`: the steps as local git branches, one commit on top of the other."""

import os
import tempfile
from pathlib import Path

from tutorial import ROOT, UserError, all_steps
from tutorial.options import Root, console
from tutorial.repo.carry import git
from tutorial.repo.step_changes import about, copy_step

EMAIL = "tutorial@example.com"  # the committer of each commit: only such branches are replaced
WHO = {"NAME": "Django in the background", "EMAIL": EMAIL, "DATE": "2026-01-01T00:00:00Z"}
ENVIRONMENT = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in WHO.items()}


def branches(root: Root = ROOT):
    """Build local git branches step/01_models, step/02_httpresponse … as one line of commits.

    Then `git diff step/02_httpresponse step/03_streaming` shows a step as a change, and your editor shows the history
    of a file. The command builds the branches again each time, so don't edit them.
    """
    if not (root / ".git").exists():
        raise UserError(f"{root} isn't a separate git repository, so it can't have branches.")
    refuse_foreign_branches(root)
    with tempfile.TemporaryDirectory() as place:
        commit_steps(Path(place), all_steps(root))
        git(root, "fetch", "--quiet", "--atomic", place, "+refs/heads/step/*:refs/heads/step/*")
    for step in all_steps(root):
        console.print(f"  step/{step.name}  {about(step)['title']}", markup=False)
    first, second = [f"step/{step.name}" for step in all_steps(root)[1:3]]
    console.print(f"\nSee a step:  git diff {first} {second}\nWork on one: git switch -c mine {first}", markup=False)


def refuse_foreign_branches(root):
    """Raise UserError if one of the branches has commits of somebody else."""
    for step in all_steps(root):
        # Changing one of our commits, or adding one, changes the committer.
        committers = git(root, "log", "--format=%ce", f"--branches=step/{step.name}*").decode().split()
        if {*committers} - {EMAIL}:
            name = f"step/{step.name}"
            raise UserError(f"The branch {name} has work of yours. Rename it first: git branch -m {name} mine")


def commit_steps(place, steps):
    """Commit each step on its branch in a new repository. The same files always give the same commits."""
    variables = ENVIRONMENT | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    git(place, "init", "--quiet", **variables)
    for step in steps:
        git(place, "rm", "-r", "--quiet", "--ignore-unmatch", ".", **variables)
        copy_step(step, place)
        git(place, "add", "--all", "--force", ".", **variables)
        facts = about(step)
        message = f"{step.name[:2]} {facts['title']}\n\n{facts['goal']}\n\nMade by `tutorial branches`."
        git(place, "commit", "--quiet", f"--message={message}", **variables)
        git(place, "branch", f"step/{step.name}", **variables)
