"""What the repository's own tests share: copies of the tree that they may spoil."""

import shutil
import subprocess
import sys

import pytest

from tutorial import ROOT, all_steps, ignore_local

# On the newer Python only: what needs Chromium, as everywhere, and what takes minutes and is the same on both.
NEWER = ["exercises", "keeping", "mistakes", "screenshots", "site", "steps_follow"]
collect_ignore = [f"test_{name}.py" for name in NEWER] if sys.version_info < (3, 12) else []


@pytest.fixture
def doctored(tmp_path):
    """A copy of the steps, in a git repository of its own, for a test to spoil."""
    root = tmp_path / "doctored"
    for step in all_steps():
        shutil.copytree(step, root / "steps" / step.name, ignore=ignore_local(step))
    shutil.copy(ROOT / ".gitignore", root)
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "--message=Steps"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root
