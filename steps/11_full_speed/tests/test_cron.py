"""The README's examples for cron and systemd, in the environment that cron and systemd give a command."""

import re
import shlex
import subprocess
import sys

import pytest

from tests.servers import STEP, program

pytestmark = pytest.mark.server

README = (STEP / "README.md").read_text("utf-8")
PYTHON, FOLDER, TARGET = "/srv/library/.venv/bin/python", "/srv/library", "/srv/exports"


def here(text, folder):
    """Return the README's text with the paths of this machine."""
    text = text.replace(PYTHON, shlex.quote(sys.executable))
    return text.replace(TARGET, shlex.quote(str(folder))).replace(FOLDER, shlex.quote(str(STEP)))


def cron(line, database, home):
    """Run the command of a crontab line as cron does: in sh, in the home folder, with only four variables."""
    command = re.fullmatch(r"\S+ \S+ \S+ \S+ \S+ +(.*)", line).group(1).replace(r"\%", "%")
    variables = {"HOME": str(home), "LOGNAME": "library", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    variables["DATABASE_URL"] = f"sqlite:///{database}"  # as the README's crontab sets it
    return subprocess.run(["/bin/sh", "-c", command], cwd=home, env=variables, capture_output=True, text=True)


def test_the_crontab_line_works_in_crons_environment(database, tmp_path):
    (line,) = re.findall(r"^\d+ \d+ \* \* \* .*export_books.*$", README, re.MULTILINE)
    home, exports = tmp_path / "home", tmp_path / "exports"
    home.mkdir()
    exports.mkdir()
    done = cron(here(line, exports), database, home)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")  # no output, because cron emails it
    (file,) = exports.iterdir()
    assert re.fullmatch(r"books-\d{4}-\d\d-\d\d\.csv", file.name)
    again = cron(here(line, exports), database, home)
    assert again.returncode != 0 and "exists" in again.stderr
    assert list(home.iterdir()) == []


def test_the_systemd_units_are_valid_and_their_command_works(database, tmp_path):
    service, timer = re.findall(r"```ini\n(.*?)```", README, re.DOTALL)
    (tmp_path / "export-books.service").write_text(here(service, tmp_path))
    (tmp_path / "export-books.timer").write_text(timer)
    units = [str(tmp_path / f"export-books.{kind}") for kind in ("service", "timer")]
    verified = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", *units], capture_output=True, text=True
    )
    assert "export-books" not in verified.stderr, verified.stderr
    command = shlex.split(re.search(r"^ExecStart=(.*)$", here(service, tmp_path / "exports"), re.MULTILINE).group(1))
    folder = tmp_path / "exports"
    folder.mkdir()
    done = subprocess.run(
        command, cwd=folder, env={"DATABASE_URL": f"sqlite:///{database}"}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list(folder.iterdir())) == 1
