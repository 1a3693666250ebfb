"""Processes that the benchmark starts: servers, the site and the workers. It ends only these, by their ids."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil


class Missing(Exception):
    """A program that a runner needs is not installed. Its text is a sentence."""


class Stopped(Exception):
    """Somebody has stopped the benchmark. All waiting ends with this."""


stopped = threading.Event()


class Process:
    """A process and its descendants, which can be killed and started again."""

    def __init__(self, command, log=os.devnull, **options):
        self.command, self.log, self.options = command, log, options
        self.start()

    def start(self):
        # In a separate session: Ctrl-C ends the benchmark, and the benchmark ends its processes.
        options = {"stdin": subprocess.DEVNULL, "start_new_session": True, **self.options}
        with open(self.log, "ab") as log:  # noqa: PTH123 (it may be os.devnull)
            self.popen = subprocess.Popen(self.command, stdout=log, stderr=log, **options)
        self.root = psutil.Process(self.popen.pid)
        self.began = time.monotonic()

    def runs(self):
        return self.popen.poll() is None

    def family(self):
        return family(self.root)

    def kill(self):
        """Kill the process and its descendants, as the end of a machine does."""
        kill(self.family())
        self.popen.wait()

    def stop(self, which=signal.SIGTERM, seconds=15):
        """Ask the process to end, and kill what is left. Return how many seconds it took."""
        relatives, began = self.family(), time.monotonic()
        if self.runs():
            self.popen.send_signal(which)
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(seconds)
        kill(relatives)
        self.popen.wait()
        return time.monotonic() - began


def family(root):
    """Return a process and its descendants, without those that have ended."""
    with suppress(psutil.NoSuchProcess):
        return [each for each in [root, *root.children(recursive=True)] if is_alive(each)]
    return []


def is_alive(process):
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def kill(processes):
    """Stop them all first, so that none of them starts another one. Then kill them, and wait until they have ended."""
    for act in (psutil.Process.suspend, psutil.Process.kill):
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                act(each)
    while any(map(is_alive, processes)):
        time.sleep(0.01)


def wait_for(condition, what, seconds=60):
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if stopped.is_set():
            raise Stopped
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.01)
    return answer


def program(name, *folders):
    places = os.pathsep.join([*map(str, folders), os.environ["PATH"], "/usr/sbin"])
    if found := shutil.which(name, path=places):
        return found
    raise Missing(f"The program {name} is not installed.")


def free_port():
    """Return a free port below those that systems lend to connections."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Redis:
    """Redis, which writes each command to a file (appendonly), so that a killed one has its tasks again."""

    def __init__(self, folder, _):
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        folder.mkdir()
        address = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command = [program("redis-server"), *address, "--appendonly", "yes", "--save", ""]
        self.process = Process(command)

    def wait(self):
        wait_for(self.is_ready, "Redis")

    def is_ready(self):
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(100).startswith(b"+PONG")


class RabbitMQ:
    """RabbitMQ with its own name server."""

    def __init__(self, folder, _):
        self.folder = folder
        server = program("rabbitmq-server", "/usr/lib/rabbitmq/bin")
        self.port, names = free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        folder.mkdir()
        settings = {"listeners.tcp.1": f"127.0.0.1:{self.port}", "log.console": "true", "log.file": "false"}
        (folder / "rabbitmq.conf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        (folder / "plugins").write_text("[].")
        environment = {
            **os.environ,
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(names),
            "RABBITMQ_NODENAME": f"runners{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
        }
        # Erlang's name server. Otherwise, RabbitMQ starts one that nothing ends.
        self.names = Process([program("epmd"), "-port", str(names), "-address", "127.0.0.1"])
        self.process = Process([server], env=environment)

    def wait(self):
        wait_for(self.is_ready, "RabbitMQ", 180)

    def is_ready(self):
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return len(connection.recv(8)) == 8

    def has_written(self, text):
        """Return whether the text is in one of its files. It writes messages some time after it has accepted them."""
        for path in self.folder.rglob("*"):
            with suppress(OSError):
                if path.is_file() and text.encode() in path.read_bytes():
                    return True
        return False

    def clean_up(self):
        self.names.stop()


class PostgreSQL:
    """PostgreSQL. As root, it runs as the user postgres. `kept` is a folder of keep(), with which it starts."""

    def __init__(self, _, kept=None):
        initdb, server = (program(name, *Path("/usr/lib/postgresql").glob("*/bin")) for name in ("initdb", "postgres"))
        user = as_user = {"user": "postgres"} if os.geteuid() == 0 else {}
        self.port = free_port()
        self.url = f"postgres://library@127.0.0.1:{self.port}/postgres"
        folder = self.folder = tempfile.mkdtemp()  # the user postgres may not see the folder of the session
        if user:
            shutil.chown(folder, **user)
        create = [initdb, "--pgdata", folder, "--auth=trust", "--username=library", "--encoding=UTF8", "--no-sync"]
        if kept:
            create, user = ["cp", "--archive", f"{kept}/.", folder], {}
        done = subprocess.run(create, capture_output=True, text=True, cwd=folder, **user)
        if done.returncode:
            raise RuntimeError(done.stderr)
        settings = [
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            "unix_socket_directories=",
            "max_connections=200",
        ]
        command = [server, "-D", folder, *(word for setting in settings for word in ("-c", setting))]
        self.process = Process(command, cwd=folder, **as_user)

    def clean_up(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self, place):
        """Copy the data to a folder."""
        self.process.stop(signal.SIGINT)
        subprocess.run(["cp", "--archive", self.folder, place], check=True)
        self.process.start()
        self.wait()

    def wait(self):
        wait_for(self.is_ready, "PostgreSQL")

    def is_ready(self):
        import psycopg

        with suppress(psycopg.OperationalError), psycopg.connect(self.url):
            return True


SERVERS = {"redis": Redis, "rabbitmq": RabbitMQ, "postgresql": PostgreSQL}
