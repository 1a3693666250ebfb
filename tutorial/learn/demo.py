"""`tutorial demo`: a step that runs, with a library full of books."""

import os
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import psutil
import typer

from tutorial import ROOT, UserError, all_steps, find_step
from tutorial.options import console
from tutorial.repo.step_changes import about, copy_step

MARK = ".made-by-the-demo"  # in the folders that the demo may make anew


def demo(
    step: Annotated[str, typer.Argument(help="Which step: 03, 3 or 03_streaming.", show_default="the last")] = "",
    books: Annotated[
        int | None,
        typer.Option(min=1, max=99_999_999, help="How many books the library has.", show_default="100000"),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="The port of the server.")] = 8000,
    timeout: Annotated[int, typer.Option(min=0, help="gunicorn's --timeout, in seconds; 0: the step's own.")] = 0,
    folder: Annotated[
        Path, typer.Option(help="The folder for the step's copy and the library.", show_default=".demo")
    ] = (ROOT / ".demo"),
):
    """Run a step with a library full of books, and print what you can try.

    The demo copies the step into a separate folder. It keeps the library, so the next demo of the same step with the
    same number of books starts immediately. With --timeout and without --books, the library has a million books for
    each second, so that the download of step 02 exceeds this timeout. For example, run `tutorial demo 02 --timeout 2`.
    """
    chosen = find_step(step) if step else all_steps()[-1]
    # Step 02 writes about 40,000 books per second on two cores, and gunicorn acts up to a second after its timeout.
    books = books or timeout * 1_000_000 or 100_000
    running = Demo(chosen, books, port, folder.resolve())
    refuse_taken_port(port)
    copy_anew(chosen, running.folder)
    console.print(f"Preparing step {chosen.name} in {running.folder}", markup=False)
    running.prepare()
    running.serve(timeout)


class Demo:
    """A step with its library, its data and, from step 06 on, the runner that EXPORT_RUNNER names."""

    def __init__(self, step, books, port, parent):
        self.step, self.books, self.port = step, books, port
        self.about = about(step)
        self.folder, self.data = parent / step.name, parent / f"{step.name}-data"
        self.database = parent / f"{step.name}-{books}.sqlite3"
        self.environment = {**os.environ, "DATABASE_URL": f"sqlite:///{self.database}", "DATA_DIR": str(self.data)}
        self.environment["SITE_URL"] = f"http://127.0.0.1:{port}"  # for the links in emails
        # In a container you are root, and Celery warns about that.
        self.environment["PYTHONWARNINGS"] = "ignore:You're running the worker with superuser"
        self.runner = chosen_runner(self.about.get("runners", []), os.environ.get("EXPORT_RUNNER"))
        if self.runner:
            self.environment["EXPORT_RUNNER"] = self.runner["name"]

    def prepare(self):
        """Make the tables, the books and the login that are not there yet, in one process."""
        self.data.mkdir(exist_ok=True)
        commands = ["migrate --verbosity=0"]
        if (missing := self.books - count(self.database, "library_book")) > 0:
            console.print(f"Adding {missing:,} books")
            commands.append(f"seed_books {missing}")
        if not count(self.database, "auth_user"):
            commands.append("createsuperuser --noinput --verbosity=0")
        login = {"USERNAME": "demo", "PASSWORD": "demo", "EMAIL": "demo@example.com"}
        environment = self.environment | {f"DJANGO_SUPERUSER_{name}": value for name, value in login.items()}
        command = [sys.executable, "-m", "tutorial.learn.run_commands", *commands]
        done = subprocess.run(command, cwd=self.folder, env=environment)
        if done.returncode:  # the command has printed why
            sys.exit(1)
        console.print("Starting the server")

    def start(self, *command):
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, start_new_session=True)

    def serve(self, timeout):
        """The server, and the worker beside it if the runner has one, until Ctrl-C."""
        with self.start(*server_command(self.port, timeout)) as server, self.worker() as beside:
            try:
                wait_until_it_answers(self.port, server)
                self.say_what_to_do()
                sys.exit(until_it_ends(server, beside))
            except KeyboardInterrupt:
                at_work = beside and beside.poll() is None and sys.platform != "win32"
                busy = " The worker finishes its running tasks. Press Ctrl-C again to end it now." if at_work else ""
                console.print(f"Stopped. The library is kept for the next time.{busy}")
            finally:
                server.terminate()

    @contextmanager
    def worker(self):
        """The worker beside the server, or None if the runner has none. In the end it finishes its running tasks."""
        if not (self.runner and "worker" in self.runner):
            yield None
            return
        places = {"folder": self.folder, "pool": "solo" if sys.platform == "win32" else "prefork"}
        with self.start(sys.executable, *[word.format_map(places) for word in self.runner["worker"]]) as process:
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait()
                except KeyboardInterrupt:  # once more: do not wait for it
                    for each in [*psutil.Process(process.pid).children(recursive=True), process]:
                        each.kill()

    def say_what_to_do(self):
        places = {"folder": self.folder, "database": self.environment["DATABASE_URL"], "data": self.data}
        places |= {"python": sys.executable, "site": self.environment["SITE_URL"]}
        texts = {name: shlex.quote(str(place)) for name, place in places.items()}  # as a shell takes them
        title = f"Step {self.step.name[:2]}, {self.about['title']}"
        console.print(f"\n[bold]{title}[/bold]: the library has {self.books:,} books.")
        console.print(f"  Open     [bold]http://127.0.0.1:{self.port}/books/[/bold]")
        for line in self.about["demo"]:
            text = line.format(**texts, runner=self.runner)
            console.print(f"  Then     {text}", markup=False, soft_wrap=True)
        console.print(f"  Admin    http://127.0.0.1:{self.port}/admin/ (user demo, password demo)")
        console.print("  Stop     with Ctrl-C\n")


def chosen_runner(runners, asked):
    """The runner of that name, out of those in step.toml, or the first one. None if the step has no choice."""
    names = [runner["name"] for runner in runners]
    if runners and asked and asked not in names:
        raise UserError(f"EXPORT_RUNNER={asked}: this step's demo has {', '.join(names)}.")
    return runners[names.index(asked) if asked else 0] if runners else None


def until_it_ends(server, beside):
    """Wait for the end of the server, and give its exit code. If the worker ends before it, say so."""
    while server.poll() is None:
        if beside and beside.poll() is not None:
            console.print("The worker has stopped, so exports won't run. Press Ctrl-C and restart the demo.")
            beside = None
        time.sleep(0.1)
    return server.returncode


def server_command(port, timeout):
    if sys.platform == "win32":  # where gunicorn does not run
        return [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    command = [sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{port}", "--log-level=warning"]
    command += ["--preload", "tutorial.learn.preloaded:application"]
    return [*command, "--graceful-timeout=3", *([f"--timeout={timeout}"] if timeout else [])]


def copy_anew(step, folder):
    """Copy the step into `folder`, in place of an earlier copy, but never of anything else."""
    if folder.exists():
        if not (folder / MARK).is_file():
            raise UserError(f"{folder} was not created by the demo, so it is not replaced. Name another --folder.")
        shutil.rmtree(folder)
    copy_step(step, folder)
    (folder / MARK).touch()


def refuse_taken_port(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, sys.platform != "win32")
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            other = port + 1 if 1024 <= port < 65_535 else 8001
            raise UserError(
                f"Port {port} is taken, or you may not use it. Is another demo still running? Stop it with Ctrl-C in "
                f"its terminal, or use another port: add PORT={other} (or --port {other})"
            ) from None


def count(database, table):
    """How many rows the table has. 0 if it does not exist yet."""
    with closing(sqlite3.connect(database)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchone():
            return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
    return 0


def wait_until_it_answers(port, server):
    while server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise UserError("The server did not start. Its error message is above.")
