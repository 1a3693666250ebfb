"""`make demo` and `tutorial demo`: from nothing to a library in the browser, or one clear line."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from servers import wait_for
from tests.conftest import TUTORIAL, run
from tutorial import ROOT, all_steps, find_step
from tutorial.repo.step_changes import step_files
from tutorial.site.record import free_port, running


@pytest.fixture(autouse=True)
def no_runner_of_yours(monkeypatch):
    monkeypatch.delenv("EXPORT_RUNNER", raising=False)


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def a_million_books(tmp_path):
    """Gives the demo of a step a library that is made once on each machine, like those of the steps' tests."""

    def put(step):
        (tmp_path / ".demo").mkdir()
        copy = tmp_path / ".demo" / f"{find_step(step).name}-1000000.sqlite3"
        code = "import shutil, sys; from tests.databases import library; shutil.copy(library(1_000_000), sys.argv[1])"
        subprocess.run([sys.executable, "-c", code, copy], cwd=all_steps()[-1], check=True)

    return put


@pytest.fixture
def demo(port, tmp_path):
    """Runs the demo; gives what it has printed when it says how to stop it.

    Will gunicorn kill a worker (`killed`)? What will it say later (`says`)?
    """

    @contextmanager
    def run(*arguments, killed=False, says=""):
        with running([TUTORIAL, "demo", f"--port={port}", f"--folder={tmp_path / '.demo'}", *arguments]) as process:
            yield process.printed()
            wait_for(lambda: says in process.printed(), says)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
            assert process.wait() == 0, process.printed()
            said = process.printed()
        assert ("WORKER TIMEOUT" in said) == ("Traceback" in said) == killed  # gunicorn says where the worker was

    return run


@pytest.fixture
def site(port):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as site:
        yield site


@pytest.mark.slow
def test_on_stage_the_timeout_of_step_02_always_comes_and_never_before_the_first_page(demo, site, a_million_books):
    a_million_books("02")
    with demo("02", "--timeout=1", killed=True):
        for path, status in (("/books/", 200), ("/books/download/", 500), ("/books/", 200), ("/books/download/", 500)):
            assert site.get(path).status_code == status


def test_it_serves_a_seeded_copy_of_the_last_step(demo, site, tmp_path):
    step = all_steps()[-1]
    before = step_files(step)
    with demo("--books=3000") as printed:
        assert f"{site.base_url}/books/" in printed and "user demo, password demo" in printed
        assert f"Step {step.name[:2]}" in printed and "Adding 3,000 books" in printed
        assert "3,000 books" in site.get("/books/").text
        assert site.get("/books/download/").text.count(",979") == 3_000
    with demo("--books=3000") as printed:
        assert "Adding" not in printed  # the library was kept
        assert "3,000 books" in site.get("/books/").text
    assert (tmp_path / ".demo" / step.name / "manage.py").is_file() and step_files(step) == before


@pytest.mark.slow
def test_the_lines_that_it_prints_can_be_pasted(demo, tmp_path):
    with demo("04", "--books=300", f"--folder={tmp_path / 'a folder'}") as printed:
        (line,) = re.findall(r"in another terminal: (.*)", printed)
        for more, said in (("", "Wrote 300 books"), (" --help", "examples:")):
            assert said in run("/bin/sh", "-c", line + more).stdout
    assert (tmp_path / "a folder" / "04_management_command-data" / "books.csv").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    "step, runner, says",
    [
        ("07", "", "a Celery worker"),
        ("08", "subprocess", "a separate process runs the export"),
        ("10", "celery", "a Celery worker"),
    ],
)
def test_the_email_is_where_it_says(demo, site, tmp_path, monkeypatch, step, runner, says):
    """With the worker of the runner, if it has one."""
    if runner:
        monkeypatch.setenv("EXPORT_RUNNER", runner)
    with demo(step, "--books=300") as printed:
        assert says in printed
        folder = Path(re.search(r"find the email in (.*)", printed).group(1))
        address = export(site)
        wait_for(lambda: "We've sent an email" in site.get(address).text, "the email", seconds=180)
        (email,) = folder.iterdir()
        assert f"{site.base_url}{address}" in email.read_text("utf-8")


def post(site, path, **fields):
    """Send a form. Return the path to which the answer leads."""
    answer = site.post(path, data={"csrfmiddlewaretoken": site.cookies["csrftoken"], **fields})
    assert answer.status_code == 302
    return answer.headers["Location"]


def export(site):
    """Log in, and ask for an export. Return the path of its page."""
    site.get("/login/").raise_for_status()
    post(site, "/login/", username="demo", password="demo")  # noqa: S106
    return post(site, "/exports/new/")


def beside(step):
    """The command that a chapter has its reader start beside the demo."""
    (page,) = (ROOT / "docs").glob(f"{step}_*.md")
    (line,) = re.findall(r"^```sh\n(.*)\n```$", page.read_text("utf-8"), re.MULTILINE)
    return line


@pytest.mark.slow
@pytest.mark.parametrize("step, runner, says", [("07", "subprocess", ""), ("09", "database", "The worker has stopped")])
def test_the_command_of_the_chapter_leaves_an_export_running(
    demo, site, a_million_books, tmp_path, monkeypatch, step, runner, says
):
    a_million_books(step)
    monkeypatch.setenv("EXPORT_RUNNER", runner)
    line = beside(step).replace('-f "demo', f'-f "{tmp_path}/.demo')  # no other demo on this machine
    assert str(tmp_path) in line
    with demo(step, "--books=1000000", says=says):
        address = export(site)
        wait_for(lambda: ">Running<" in site.get(address).text, "the job", seconds=180)
        kill = lambda: subprocess.run(["bash", "-c", line], timeout=60).returncode  # noqa: E731
        assert kill() == 0  # it found a process
        wait_for(lambda: kill() != 0, "the end of the process", seconds=60)  # on a busy machine, it takes a moment
        assert ">Running<" in site.get(address).text


@pytest.mark.slow
def test_the_download_of_the_chapter_that_is_cut_off_is_an_error(demo, port, a_million_books, tmp_path):
    a_million_books("03")
    line, cut = beside("03").replace("8000", str(port)), tmp_path / ".demo" / "cut.csv"
    with ExitStack() as after:
        with demo("03", "--books=1000000"):
            curl = after.enter_context(running(["bash", "-c", line], "", cwd=tmp_path))
            wait_for(lambda: cut.exists() and cut.stat().st_size, "the download", seconds=180)
        assert curl.wait(60) == 18
        assert "transfer closed with outstanding read data remaining" in curl.printed()


def test_what_it_cannot_do_is_one_clear_line_and_nothing_changes(tutorial, port, tmp_path, monkeypatch):
    own = tmp_path / "01_models" / "own.py"
    own.parent.mkdir()
    own.write_text("precious")

    def refused(*arguments):
        (line,) = tutorial("demo", *arguments, code=1).stderr.splitlines()
        return line

    assert "was not created by the demo" in refused("01", f"--port={port}", f"--folder={tmp_path}")
    assert str(own) in refused("01", f"--port={port}", f"--folder={own}")
    with socket.create_server(("127.0.0.1", port)):
        said = refused(f"--port={port}", f"--folder={tmp_path}")
    assert said.startswith(f"Port {port} is taken") and f"add PORT={port + 1} (or --port {port + 1})" in said
    monkeypatch.setenv("EXPORT_RUNNER", "threads")
    said = refused("09", f"--port={port}", f"--folder={tmp_path}")
    assert said == "EXPORT_RUNNER=threads: this step's demo has database, subprocess, celery."
    assert [*tmp_path.rglob("*")] == [own.parent, own] and own.read_text() == "precious"


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize(
    "lacks, says", [("ensurepip", "apt install python3-venv\n"), ("version_info", "make demo PYTHON=python3.13\n")]
)
def test_make_says_what_the_machine_lacks(tmp_path, lacks, says):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *{lacks}*) exit 1;; esac\n')
    python.chmod(0o755)
    failed = run("make", "demo", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}", cwd=ROOT, code=2)
    assert says in failed.stdout
