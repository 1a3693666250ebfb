"""`tutorial demo`: a step that runs, with a library full of books."""

import os
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import tomllib
from contextlib import closing, contextmanager

from tutorial import LOCAL, UserError, all_steps, find_step

MARK = ".made-by-the-demo"  # in the folders that the demo may make anew


def run(name, books, port, timeout, parent, console):
    """Prepare the step in a folder below `parent`, fill its library, and serve it until Ctrl-C."""
    # Ctrl-C, an ended terminal and `kill` reach us alone, and we end what we have started.
    for signal_name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, signal_name):
            signal.signal(getattr(signal, signal_name), signal.default_int_handler)
    step = find_step(name) if name else all_steps()[-1]
    books = books or (books_that_outlast(timeout) if timeout else 100_000)
    about = tomllib.loads((step / "step.toml").read_text("utf-8"))
    refuse_taken_port(port)

    parent = parent.resolve()
    folder, database = parent / step.name, parent / f"{step.name}-{books}.sqlite3"
    copy_anew(step, folder)
    console.print(f"Preparing step {step.name} in {folder}", markup=False)
    data = parent / f"{step.name}-data"
    data.mkdir(exist_ok=True)
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{database}", "DATA_DIR": str(data)}
    environment["SITE_URL"] = f"http://127.0.0.1:{port}"  # for the links in mails
    environment = about.get("variables", {}) | environment  # EXPORT_RUNNER=spawn make demo STEP=07
    places = {"folder": folder, "database": environment["DATABASE_URL"], "data": data, "python": sys.executable}

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

    def start(*command):
        return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)

    with start(*server_command(port, timeout)) as server, worker(start, about):
        try:
            wait_until_it_answers(port, server)
            console.print(f"\n[bold]Step {step.name[:2]}, {about['title']}[/bold]: the library has {books:,} books.")
            console.print(f"  Open     [bold]http://127.0.0.1:{port}/books/[/bold]")
            for line in about["demo"]:
                console.print(f"  Then     {filled(line, places)}", markup=False, soft_wrap=True)
            console.print(f"  Admin    http://127.0.0.1:{port}/admin/ (user demo, password demo)")
            console.print("  Stop     with Ctrl-C\n")
            sys.exit(server.wait())
        except KeyboardInterrupt:
            busy = (
                " Its worker finishes what it has begun; press Ctrl-C again not to wait." if "worker" in about else ""
            )
            console.print(f"Stopped. The library is kept for the next time.{busy}")
        finally:
            server.terminate()


SAMPLE = """
    WITH RECURSIVE number (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < 300000)
    SELECT printf('"%w","%w",%s\r\n', 'The Lost Map of Bergen', 'Ursula K. Le Guin', n) FROM number
"""


def books_that_outlast(timeout):
    """So many books that step 02 needs three times as long for them, on this machine, as the time-out in seconds.

    gunicorn acts up to a second after its time-out. Step 02 writes half as many books a second as
    SQLite does with nothing around it, which is quickly measured.
    """
    began = time.process_time()
    with closing(sqlite3.connect(":memory:")) as connection:
        "".join(line for (line,) in connection.execute(SAMPLE)).encode()
    books_a_second = 300_000 / (time.process_time() - began) / 2
    # Rounded up, so that the library is there already the next time.
    sizes = [500_000 * 2**power for power in range(8)]
    return next((books for books in sizes if books >= 3 * timeout * books_a_second), sizes[-1])


def server_command(port, timeout):
    if sys.platform == "win32":  # where gunicorn does not run
        return [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    command = [sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{port}", "--log-level=warning"]
    return [*command, "--graceful-timeout=3", *([f"--timeout={timeout}"] if timeout else [])]


@contextmanager
def worker(start, about):
    """The worker beside the server, if the step has one. In the end it finishes what it has begun."""
    if "worker" not in about:
        yield
        return
    pool = "solo" if sys.platform == "win32" else "prefork"  # Celery's other pools need a fork
    with start(sys.executable, *[word.format(pool=pool) for word in about["worker"]]) as process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait()
            except KeyboardInterrupt:  # once more: do not wait for it
                kill_all(process)


def kill_all(process):
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)  # it has a session of its own


def copy_anew(step, folder):
    """Copy the step into `folder`, in place of an earlier copy, but never of anything else."""
    try:
        if folder.exists():
            if not (folder / MARK).is_file():
                raise UserError(f"{folder} was not made by the demo, which leaves it alone. Name another --folder.")
            shutil.rmtree(folder)
        shutil.copytree(step, folder, ignore=shutil.ignore_patterns(*LOCAL))
        (folder / MARK).touch()
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}.") from None


def filled(line, places):
    """A line of step.toml with the places of this demo, as a shell takes them."""
    return line.format_map({name: shlex.quote(str(place)) for name, place in places.items()})


def refuse_taken_port(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, sys.platform != "win32")
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise UserError(f"You may not use port {port}. Take another: make demo PORT=8001") from None
        except OSError:
            raise UserError(
                f"Port {port} is taken. Is another demo still running? Stop it with Ctrl-C in its terminal, "
                f"or take another port: add PORT={port % 65535 + 1} (or --port {port % 65535 + 1})"
            ) from None


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
