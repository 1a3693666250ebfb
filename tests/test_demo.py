"""`make demo` and `tutorial demo`: from nothing to a library in the browser, or one clear line."""

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tutorial import ROOT, all_steps
from tutorial.repo.step_changes import step_files
from tutorial.site.record import free_port

DEMO = [Path(sys.executable).with_name("tutorial"), "demo"]


@contextmanager
def demo(*arguments, killed=False, says=""):
    """The demo, running; gives what it has printed when it says how to stop it.

    Will gunicorn kill a worker (`killed`)? What will it say later (`says`)?
    """
    heed_ctrl_c = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([*DEMO, *arguments], start_new_session=True, preexec_fn=heed_ctrl_c, **options) as running:
        rest = ""
        try:
            yield until("Ctrl-C", running)
            rest = until(says, running)
        finally:
            os.killpg(running.pid, signal.SIGINT)  # as a terminal does it
            rest += running.stdout.read()
    assert running.returncode == 0, rest
    assert ("WORKER TIMEOUT" in rest) == ("Traceback" in rest) == killed  # gunicorn says where the worker was


def until(words, running):
    """What the demo prints until it has said these words. One that does not say them in time is stopped."""
    printed = ""
    stop = threading.Timer(240, os.killpg, [running.pid, signal.SIGINT])
    stop.start()
    try:
        while words not in printed:
            line = running.stdout.readline()
            assert line, f"It never said {words!r}, but: {printed}"
            printed += line
    finally:
        stop.cancel()
    return printed


@pytest.fixture(autouse=True)
def no_runner_of_yours(monkeypatch):
    monkeypatch.delenv("EXPORT_RUNNER", raising=False)


def get(url):
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310
        return response.read()


@pytest.mark.slow
def test_on_stage_the_timeout_of_step_02_always_comes_and_never_before_the_first_page(tmp_path):
    port = free_port()
    with demo("02", "--timeout=1", f"--port={port}", f"--folder={tmp_path}", killed=True):
        for path, status in (("/books/", 200), ("/books/download/", 500), ("/books/", 200), ("/books/download/", 500)):
            assert httpx.get(f"http://127.0.0.1:{port}{path}", timeout=60).status_code == status


@pytest.mark.parametrize("step", ["", pytest.param("02", marks=pytest.mark.slow)])
def test_it_serves_a_seeded_step(step, tmp_path):
    port = free_port()
    arguments = [*([step] if step else []), "--books=3000", f"--port={port}", f"--folder={tmp_path}"]
    with demo(*arguments) as printed:
        assert f"http://127.0.0.1:{port}/books/" in printed
        assert "user demo, password demo" in printed
        assert (step or all_steps()[-1].name[:2]) in re.search(r"Step (\d\d)", printed).group()
        assert b"3,000 books" in get(f"http://127.0.0.1:{port}/books/")
        assert get(f"http://127.0.0.1:{port}/books/download/").count(b",979") == 3_000
    with demo(*arguments) as printed:
        assert "Added" not in printed  # the library was kept
        assert b"3,000 books" in get(f"http://127.0.0.1:{port}/books/")


@pytest.mark.slow
def test_the_lines_that_it_prints_can_be_pasted(tmp_path):
    with demo("04", "--books=300", f"--port={free_port()}", f"--folder={tmp_path / 'a folder'}") as printed:
        (line,) = re.findall(r"in another terminal: (.*)", printed)
        for more, said in (("", "Wrote 300 books"), (" --help", "examples:")):
            pasted = subprocess.run(["/bin/sh", "-c", line + more], capture_output=True, text=True)
            assert pasted.returncode == 0 and said in pasted.stdout, pasted.stderr
    assert (tmp_path / "a folder" / "04_management_command-data" / "books.csv").is_file()


RUNNERS = [
    ("07", "", "a Celery worker"),
    ("07", "subprocess", "a separate process"),
    ("08", "", "a worker"),
    ("09", "", "a worker"),
    ("09", "celery", "a Celery worker"),
    ("10", "", "a worker"),
]


@pytest.mark.slow
@pytest.mark.parametrize("step, runner, says", RUNNERS)
def test_the_email_is_where_it_says(tmp_path, monkeypatch, step, runner, says):
    """With the worker of the runner, if it has one."""
    if runner:
        monkeypatch.setenv("EXPORT_RUNNER", runner)
    port = free_port()
    with demo(step, "--books=300", f"--port={port}", f"--folder={tmp_path}") as printed:
        assert says in printed
        folder = Path(re.search(r"find the e?mail in (.*)", printed).group(1))
        with logged_in(port) as site:
            address = export(site)
            deadline = time.monotonic() + 60
            while not re.search("We've sent an email|A mail was sent", page := site.get(address).text):
                assert time.monotonic() < deadline, page
        (email,) = folder.iterdir()
        assert f"http://127.0.0.1:{port}{address}" in email.read_text("utf-8")
    with demo(step, "--books=300", f"--port={port}", f"--folder={tmp_path}"):
        assert len(list(folder.iterdir())) == 1  # kept, like the library


@contextmanager
def logged_in(port):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as site:
        site.get("/login/").raise_for_status()
        assert post(site, "/login/", username="demo", password="demo").status_code == 302  # noqa: S106
        yield site


def post(site, path, **fields):
    return site.post(path, data={"csrfmiddlewaretoken": site.cookies["csrftoken"], **fields})


def export(site):
    """Ask for an export. Return the path of its page."""
    asked = "/exports/new/" if site.get("/exports/new/").status_code == 200 else "/exports/"  # step 10
    answer = post(site, asked)
    assert answer.status_code == 302
    return answer.headers["Location"]


@pytest.mark.slow
def test_a_runner_without_a_worker_has_none_beside_it(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPORT_RUNNER", "subprocess")
    with demo("08", "--books=300", f"--port={free_port()}", f"--folder={tmp_path}") as printed:
        assert "a separate process runs the export" in printed and "db_worker" not in printed
        assert workers(tmp_path) == []


def workers(folder):
    """The workers that run in the copy of a step below `folder`."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if {"db_worker", "worker"} & set(process.cmdline()) and process.cwd().startswith(str(folder)):
                found.append(process)
    return found


@pytest.mark.slow
def test_a_worker_that_is_killed_is_told(tmp_path):
    told = "The worker has stopped, so exports won't run."
    with demo("09", "--books=300", f"--port={free_port()}", f"--folder={tmp_path}", says=told):
        (worker,) = workers(tmp_path)
        worker.kill()
        psutil.wait_procs([worker], timeout=10)


def beside(step):
    """The command that a chapter has its reader start beside the demo."""
    (page,) = (ROOT / "docs").glob(f"{step}_*.md")
    (line,) = re.findall(r"^```sh\n(.*)\n```$", page.read_text("utf-8"), re.MULTILINE)
    return line


@contextmanager
def running(line, folder):
    with subprocess.Popen(["bash", "-c", line], cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("step, runner, says", [("07", "subprocess", ""), ("09", "database", "The worker has stopped")])
def test_the_command_of_the_chapter_leaves_an_export_running(tmp_path, monkeypatch, step, runner, says):
    monkeypatch.setenv("EXPORT_RUNNER", runner)
    line = beside(step).replace('-f "demo', f'-f "{tmp_path}/.demo')  # no other demo on this machine
    assert str(tmp_path) in line
    port = free_port()
    with (
        demo(step, "--books=600000", f"--port={port}", f"--folder={tmp_path / '.demo'}", says=says),
        logged_in(port) as site,
    ):
        address = export(site)
        deadline = time.monotonic() + 60
        while ">Running<" not in (page := site.get(address).text):
            assert time.monotonic() < deadline, page
        with running(line, tmp_path) as kill:
            assert kill.wait(60) == 0  # it found a process, and killed it
        with running(line, tmp_path) as kill:
            assert kill.wait(60) != 0  # there is no process any more
        assert ">Running<" in site.get(address).text


@pytest.mark.slow
def test_the_download_of_the_chapter_that_is_cut_off_is_an_error(tmp_path):
    port, cut = free_port(), tmp_path / ".demo" / "cut.csv"
    with ExitStack() as after:
        with demo("03", "--books=600000", f"--port={port}", f"--folder={cut.parent}"):
            curl = after.enter_context(running(beside("03").replace("8000", str(port)), tmp_path))
            deadline = time.monotonic() + 60
            while not (cut.exists() and cut.stat().st_size):
                assert time.monotonic() < deadline and curl.poll() is None
                time.sleep(0.05)
        assert curl.wait(60) == 18
        assert "transfer closed with outstanding read data remaining" in curl.stderr.read()


def test_a_runner_that_the_step_does_not_have_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPORT_RUNNER", "threads")
    (line,) = refused("09", f"--port={free_port()}", f"--folder={tmp_path}")
    assert line == "EXPORT_RUNNER=threads: this step's demo has database, subprocess, celery."


@pytest.mark.slow
def test_nothing_is_written_into_the_step(tmp_path):
    before = step_files(ROOT / "steps" / "01_models")
    with demo("01", "--books=10", f"--port={free_port()}", f"--folder={tmp_path}"):
        assert (tmp_path / "01_models" / "manage.py").is_file()
    assert step_files(ROOT / "steps" / "01_models") == before


def refused(*arguments):
    """The lines that the demo prints when it ends at once; ended by us if it does not."""
    with subprocess.Popen([*DEMO, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        try:
            printed, _ = run.communicate(timeout=60)
        finally:
            run.terminate()
    assert run.returncode == 1
    return printed.splitlines()


def test_a_taken_port_is_one_clear_line(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert refused(f"--port={port}", f"--folder={tmp_path}") == [
            f"Port {port} is taken. Is another demo still running? Stop it with Ctrl-C in its terminal, "
            f"or use another port: add PORT={port % 65535 + 1} (or --port {port % 65535 + 1})"
        ]
    assert not list(tmp_path.iterdir())


def test_a_folder_that_the_demo_did_not_make_is_left_alone(tmp_path):
    own = tmp_path / "01_models" / "own.py"
    own.parent.mkdir()
    own.write_text("precious")
    (line,) = refused("01", f"--port={free_port()}", f"--folder={tmp_path}")
    assert "was not made by the demo" in line
    assert own.read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    (line,) = refused("01", f"--port={free_port()}", f"--folder={tmp_path / 'file'}")
    assert str(tmp_path / "file") in line


def test_markup_in_what_the_user_types_is_only_text():
    assert refused("[/x]")[0].startswith("There is no step '[/x]'.")


def test_an_unknown_step_is_one_clear_line():
    (line,) = refused("42")
    assert line.startswith("There is no step '42'. The steps are: 01_models, ")


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.parametrize(
    "lacks, line",
    [
        ("ensurepip", "Python's venv module is missing. On Debian and Ubuntu: apt install python3-venv"),
        ("version_info", "Python 3.11 or newer is needed. Name one: make demo PYTHON=python3.13"),
    ],
)
def test_make_says_what_the_machine_lacks_in_one_line(tmp_path, lacks, line):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *{lacks}*) exit 1;; esac\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    command = ["make", "demo", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode != 0
    assert [each for each in run.stdout.splitlines() if not each.startswith("make")] == [line]
