"""What the repository's own tests share: copies of the tree that they may spoil, and servers."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from typer.testing import CliRunner

from tutorial import ROOT, all_steps
from tutorial.cli import app
from tutorial.repo.carry import git
from tutorial.repo.step_changes import write_files

TUTORIAL = Path(sys.executable).with_name("tutorial")


@pytest.fixture
def tutorial():
    """Runs the command `tutorial` in this process. Gives what it printed, after it has ended with that exit code."""

    def run(*arguments, code=0):
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert done.exit_code == code, done.output
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done

    return run


@pytest.fixture
def small(tmp_path):
    """Three small steps in a git repository: 02 changes the views, and 03 moves one file and retires a test."""
    root = tmp_path / "small"
    names = "".join(f"\n\n\ndef page_{letter}():\n    return '{letter}'" for letter in "abcdef")
    first = {
        "models.py": "class Book:\n    pass\n",
        "views.py": f"import models{names}\n",
        "spawn.py": f"import os{names}\n",
        "tests/test_views.py": "def test_list():\n    pass\n\n\ndef test_page():\n    pass\n",
        "tests/test_old.py": "def test_old():\n    pass\n",
    }
    second = {**first, "views.py": first["views.py"] + "\n\ndef download():\n    pass\n"}
    third = {**second, "runners/spawn.py": first["spawn.py"].replace("import os", "import sys")}
    del third["spawn.py"], third["tests/test_old.py"]
    toml = ["", 'changes = ["views.py"]', 'removes = ["spawn.py"]\n[retires]\n"tests/test_old.py" = "it is new now"']
    for name, files, lines in zip(("01_one", "02_two", "03_three"), (first, second, third), toml, strict=True):
        files |= {"step.toml": f'title = "{name}"\ngoal = "It grows."\n{lines}\n', "README.md": f"# {name}\n"}
        write_files(root / "steps" / name, files)
    commit_all(root)
    return root


@pytest.fixture
def steps(small):
    """The folders of the three small steps."""
    return all_steps(small)


@pytest.fixture(scope="session")
def built_site(tmp_path_factory):
    """The folder of the whole site. If tests run in parallel, one process builds it, and the others wait for it."""
    temporary = tmp_path_factory.getbasetemp()
    shared = temporary.parent if "PYTEST_XDIST_WORKER" in os.environ else temporary
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "site").exists():
            build_site(shared / "site.part").rename(shared / "site")
    return shared / "site"


def build_site(folder, **options):
    """Build into `folder`, and return it. A warning is an error, because mkdocs.yml says `strict`."""
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), **options)
    assert config.strict
    build(config)
    return folder


def run(*command, code=0, **options):
    """Run a program. Return what it printed, after it has ended with that exit code."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def manage(step, database, *arguments, **variables):
    """Run a command of a step, and return its standard output."""
    environment = {**os.environ, "DATABASE_URL": database, "EXPORT_RUNNER": "", **variables}
    return run(sys.executable, step / "manage.py", *arguments, env=environment).stdout


def commit_all(root):
    """Commit everything in the folder, which becomes a git repository if it is none."""
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    for command in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "--message=Steps"]):
        git(root, *command)
