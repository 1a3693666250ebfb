"""`tutorial demo`: a step that runs, with a library full of books."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import tomllib
from contextlib import closing

from tutorial import UserError, all_steps, find_step

LEFT_OUT = shutil.ignore_patterns("__pycache__", ".pytest_cache", ".hypothesis", "db.sqlite3*")


def run(name, books, port, timeout, parent, console):
    """Prepare the step in a folder below `parent`, fill its library, and serve it until Ctrl-C."""
    step = find_step(name) if name else all_steps()[-1]
    about = tomllib.loads((step / "step.toml").read_text("utf-8"))
    refuse_taken_port(port)

    parent = parent.resolve()
    folder, database = parent / step.name, parent / f"{step.name}-{books}.sqlite3"
    console.print(f"Preparing step {step.name} in {folder}")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(step, folder, ignore=LEFT_OUT)
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{database}"}

    def manage(*arguments, **options):
        return subprocess.run([sys.executable, "manage.py", *arguments], cwd=folder, env=environment, **options)

    ended_well(manage("migrate", "--verbosity=0"))
    missing = books - count(database, "library_book")
    if missing > 0:
        ended_well(manage("seed_books", str(missing)))
    if not count(database, "auth_user"):
        login = {"DJANGO_SUPERUSER_USERNAME": "demo", "DJANGO_SUPERUSER_PASSWORD": "demo"}
        environment.update(login, DJANGO_SUPERUSER_EMAIL="demo@example.com")
        ended_well(manage("createsuperuser", "--noinput", stdout=subprocess.DEVNULL))

    if sys.platform == "win32":  # where gunicorn does not run
        command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    else:
        command = [sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{port}", "--log-level=warning"]
        command += ["--graceful-timeout=3"]
        command += [f"--timeout={timeout}"] if timeout else []
    # Ctrl-C, an ended terminal and `kill` all reach us, and we let the server finish what it is doing.
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    with subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True) as server:
        try:
            wait_until_it_answers(port, server)
            console.print(f"\n[bold]Step {step.name[:2]}, {about['title']}[/bold]: the library has {books:,} books.")
            console.print(f"  Open     [bold]http://127.0.0.1:{port}/books/[/bold]")
            for line in about["demo"]:
                console.print(f"  Then     {line}")
            console.print(
                f"  Admin    http://127.0.0.1:{port}/admin/, user [bold]demo[/bold], password [bold]demo[/bold]"
            )
            console.print("  Stop     with Ctrl-C\n")
            sys.exit(server.wait())
        except KeyboardInterrupt:
            server.terminate()
            server.wait()
            console.print("Stopped. The library is kept for the next time.")


def refuse_taken_port(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, sys.platform != "win32")
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise UserError(f"You may not use port {port}. Take another: make demo PORT=8001") from None
        except OSError:
            raise UserError(f"Port {port} is taken. Take another: make demo PORT={port % 65535 + 1}") from None


def count(database, table):
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608


def ended_well(process):
    """The process has said itself what went wrong; to go on would only hide it."""
    if process.returncode:
        sys.exit(process.returncode)


def wait_until_it_answers(port, server):
    while server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise UserError("The server did not start; it has said why above.")
