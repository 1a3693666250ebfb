"""`tutorial record`: every command of a chapter, run in order in a fresh copy, as a reader would.

A ```bash block of a page is what the reader types; a ```text block right after it is what he sees then.
"""

import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from tutorial import ROOT, UserError, all_steps
from tutorial.options import console
from tutorial.repo.carry import git

PAGES = [ROOT / "docs" / "index.md", *(ROOT / "docs" / f"{step.name}.md" for step in all_steps())]
BLOCK = re.compile(r"^```bash\n(?P<typed>[^`]*)^```\n(?:\n```text\n(?P<shown>[^`]*)^```\n)?", re.MULTILINE)
HOME = "/home/you/django-in-the-background"  # what a page shows in place of the copy
READY = "with Ctrl-C"  # the last words of a demo that runs
LONGEST = 5_000  # characters of an output
PATIENCE = 300  # seconds for one block
BOOK = {"title": "Fantastic Mr. Fox", "authors": [{"name": "Roald Dahl"}], "publish_date": "1988"}
# What differs from run to run, and says nothing about whether the chapter is right.
VARIES = [
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "ID"),
    (r"\d{4}-\d\d-\d\d(?=\.csv)", "DATE"),
    (r"\d+(\.\d+)? (ms|s|MB|times)\b", "N"),
    (r"\d\d:\d\d(:\d\d)?\b", "TIME"),
    (r"\(\d+(\.\d+)?–\d+(\.\d+)?\)", "(N)"),
    (r"\b\d+%", "N%"),
    (r"[━─]+", "-"),  # tables are as wide as their numbers
    (r" +", " "),
]


def recorded(page, root):
    """Run the blocks of a page in a copy of the repository; gives the page with what was printed.

    A block that differs only in times and the like stays as it is.
    """

    def block(match):
        got = reader.types(match["typed"], match["shown"], demos)
        if match["shown"] is None or normalised(match["shown"]) == normalised(got):
            return match.group()
        if len(got) > LONGEST:
            raise UserError(f"This prints {len(got):,} characters, more than a page can show:\n{match['typed']}")
        return f"```bash\n{match['typed']}```\n\n```text\n{got}```\n"

    with tempfile.TemporaryDirectory() as home, served(home) as url, ExitStack() as demos:
        open_library = Path(home) / "api" / "books"  # for `email_book`, because a test must not ask the real one
        open_library.parent.mkdir()
        open_library.write_text(json.dumps({"ISBN:9780140328721": BOOK}), "utf-8")
        reader = Reader(root, Path(home), OPEN_LIBRARY_URL=url)
        return BLOCK.sub(block, page)


def record(
    chapters: Annotated[list[str] | None, typer.Argument(help="Chapters, like 03. Without one, all.")] = None,
):
    """Run every command of the chapters in a fresh copy, and write its output into the page.

    An output that differs only in times, dates and ports stays as it is. All chapters take about six minutes.
    """
    for name in chapters or []:
        if not any(page.name.startswith(name) for page in PAGES):
            raise UserError(f"No chapter's name begins with {name!r}. They are: {', '.join(p.stem for p in PAGES)}.")
    for page in PAGES:
        if page.name.startswith(tuple(chapters or [""])):
            text = page.read_text("utf-8")
            with fresh_copy() as copy:
                new = recorded(text, copy)
            page.write_text(new, "utf-8")
            console.print(f"{page.name}: {'as it was' if new == text else 'rewritten'}")


def normalised(text):
    for pattern, name in VARIES:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text.strip()


class Reader:
    """Who types: a folder in which the shell is, a home of his own, and a port that is free."""

    def __init__(self, root, home, **variables):
        self.root, self.folder, self.home, self.port = root, root, home, free_port()
        environment = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        # The tests of a step run in CI one by one; here they only have to be found.
        variables |= {"HOME": str(home), "PORT": str(self.port), "PYTEST_ADDOPTS": "--collect-only -q"}
        self.environment = environment | variables

    def types(self, typed, shown, demos):
        """Run one block, and give what it printed. A demo goes on until the next one, or the end of the page."""
        if "make demo" in typed:
            demos.close()
            demo = demos.enter_context(running(["bash", "-c", typed], cwd=self.root, env=self.environment))
            said, ready, _ = demo.printed().partition(READY)  # a worker may have printed more by now
            return self.clean(said + ready)
        place = self.home / "where-the-shell-is"
        script = f"trap 'pwd > {place}' EXIT\nset -e\n{typed.replace('127.0.0.1:8000', f'127.0.0.1:{self.port}')}"
        kinds = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "timeout": PATIENCE}
        done = subprocess.run(["bash", "-c", script], cwd=self.folder, env=self.environment, **kinds)
        self.folder = Path(place.read_text("utf-8").strip())
        if done.returncode and shown is None:
            raise UserError(f"This ended with exit code {done.returncode}:\n{typed}{done.stdout}")
        return self.clean(done.stdout)

    def clean(self, printed):
        """What the page may show: no path and no port of this machine."""
        printed = re.sub(r"^Starting worker worker_id=.*\n", "", printed, flags=re.MULTILINE)  # may come at any moment
        printed = printed.replace(str(self.root), HOME).replace(f"127.0.0.1:{self.port}", "127.0.0.1:8000")
        return "".join(f"{line.rstrip()}\n" for line in printed.strip().splitlines())


@contextmanager
def running(command, ready=READY, **options):
    """Start a program, and wait until it has printed some words. In the end, press Ctrl-C.

    Gives the process, whose `printed()` returns what it has printed so far.
    """
    options = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "start_new_session": True, **options}
    # What a shell starts with & ignores Ctrl-C, and so does all that is started from there.
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.NamedTemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, **options)
        process.printed = lambda: Path(output.name).read_text("utf-8", "replace")
        try:
            deadline = time.monotonic() + PATIENCE
            while ready not in process.printed():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise UserError(f"This did not start:\n{shlex.join(map(str, command))}\n{process.printed()}")
                time.sleep(0.05)
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


@contextmanager
def served(folder):
    """A web server for the files in a folder; gives its URL."""
    port = str(free_port())
    command = [sys.executable, "-u", "-m", "http.server", port, "--bind=127.0.0.1", f"--directory={folder}"]
    with running(command, "Serving HTTP"):
        yield f"http://127.0.0.1:{port}"


def free_port():
    """A free port, below those that systems lend to connections: one of them could take it before our server does."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def fresh_copy():
    """A copy of the repository, with a `.venv` that has what is installed here. Nothing is fetched."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder).resolve() / "copy"
        listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").decode()
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        install(copy)
        yield copy


def install(copy):
    """What `make` would install: the packages of this Python, and the tools out of the copy."""
    from uv import find_uv_bin  # which only the tests install

    venv.create(copy / ".venv", symlinks=True)
    packages = next((copy / ".venv").glob("lib/python*/site-packages"))
    here = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "this-machine.pth").write_text("\n".join([str(copy), *here]), "utf-8")
    for name, module in (("tutorial", "tutorial.cli"), ("pytest", "pytest")):
        script = copy / ".venv" / "bin" / name
        python = shlex.quote(str(copy / ".venv" / "bin" / "python"))
        script.write_text(f'#!/bin/sh\nexec {python} -m {module} "$@"\n', "utf-8")
        script.chmod(0o755)
    (copy / ".venv" / "bin" / "uv").symlink_to(find_uv_bin())  # a script would be found by `python -m uv`, and start it
    for extra in ("demo", "test", "docs"):
        (copy / ".venv" / f"with-{extra}").touch()
