"""A site and the workers of a runner, in a separate folder."""

import http.client
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from runners import MANAGE, PROJECT, Options, load
from runners.processes import SERVERS, Process, Stopped, family, kill, stopped, wait_for
from tutorial import find_step

GUNICORN = [
    sys.executable,
    "-m",
    "gunicorn",
    "runners.project.wsgi",
    "--bind=127.0.0.1:0",
    "--workers=1",
    "--no-control-socket",
]
PATHS = [PROJECT.parent.parent, find_step("11")]  # the modules `runners`, and `library` and `backends`


class Session:
    """Start, use and stop one runner.

    `kept` is a folder for the database as it is before the first job. A later session starts with it, which is faster.
    `project` is "settings" for the project of the benchmark, or "export_settings" for that of step 11.

    Attributes: `site` and `workers` are processes, `servers` the servers by their names.
    """

    def __init__(self, name, folder, database="sqlite", servers=True, kept=None, project="settings", **options):
        self.runner = load(name)
        self.folder, self.kept, self.project = Path(folder).resolve(), kept, project
        self.servers, self.workers, self.site = {}, [], None
        self.known, self.read_until, self.reading = defaultdict(list), 0, threading.Lock()
        self.server_names = []
        if servers and hasattr(self.runner, "BROKER"):
            self.server_names.append(self.runner.BROKER)
        if database == "postgresql":
            self.server_names.append("postgresql")
        self.options = Options(name, self.folder, **options)

    # Start and stop.

    def __enter__(self):
        try:
            self.start_servers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with ExitStack() as stack:  # the last one first
            for server in self.servers.values():
                if hasattr(server, "clean_up"):
                    stack.callback(server.clean_up)
                stack.callback(server.process.stop, seconds=10)
            for each in filter(None, [self.site, *self.workers]):
                stack.callback(each.kill)
            stack.callback(self.kill_detached)

    def start(self, books=0):
        """Fill the library, start the site and the workers, and wait until a first task has run."""
        if not (self.kept and self.kept.exists()):
            self.manage("migrate", "--verbosity=0")
            if books:
                self.manage("seed_books", books)
            if self.kept:
                self.keep()
        self.start_site()
        self.start_workers()
        if self.project == "settings":
            self.enqueue("empty", "first")
            self.wait_for("first", "end")

    def keep(self):
        """Keep the database for later sessions. Two sessions can do this at the same time."""
        place = self.kept.with_name(f"{self.kept.name}-{secrets.token_hex(4)}")
        if server := self.servers.get("postgresql"):
            server.keep(place)
        else:
            place.mkdir()
            shutil.copy(self.folder / "db.sqlite3", place)
        with suppress(OSError):  # the other session was faster
            place.rename(self.kept)

    def kill_detached(self):
        """Kill what has left the family of its parent: a detached job, or a child of a killed worker."""
        while marked := self.marked():
            kill(marked)

    def marked(self):
        """Return all processes with this session's folder in their environment."""
        found = []
        for each in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if each.pid != os.getpid() and each.environ().get("RUNNER_FOLDER") == str(self.folder):
                    found.append(each)
        return found

    def start_servers(self):
        kept = self.kept if self.kept and self.kept.exists() else None
        for name in self.server_names:
            self.servers[name] = SERVERS[name](self.folder / name, kept)
        if kept and "postgresql" not in self.servers:
            shutil.copy(kept / "db.sqlite3", self.folder)
        urls = {}
        for name, server in self.servers.items():
            server.wait()
            urls["database" if name == "postgresql" else "broker"] = server.url
        self.options = Options(**{**vars(self.options), **urls})

    def environment(self):
        ours = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        path = os.pathsep.join(map(str, PATHS))
        module = f"runners.project.{self.project}"
        settings = {"DJANGO_SETTINGS_MODULE": module, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
        return {**ours, **settings, **self.options.environment()}

    def manage(self, *arguments):
        command = [*MANAGE, *map(str, arguments)]
        done = subprocess.run(command, cwd=self.folder, env=self.environment(), capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[1:])} failed: {done.stderr[-2000:]}")
        return done.stdout

    def start_site(self):
        log = self.folder / "site.log"
        known = len(log.read_text()) if log.exists() else 0
        self.site = self.process([*GUNICORN, "--worker-class=gthread", "--threads=20"], log)
        ready = re.compile(r"Listening at: http://127.0.0.1:(\d+).*Booting worker", re.DOTALL)
        self.port = int(wait_for(lambda: ready.search(log.read_text()[known:]), "gunicorn").group(1))
        self.get("/")

    def start_workers(self):
        commands = self.runner.workers(self.options)
        self.workers = [self.process(command, self.folder / "worker.log") for command in commands]

    def process(self, command, log):
        return Process(command, log, cwd=self.folder, env=self.environment())

    def restart_ended(self):
        """Start the site or a worker again that has ended, as systemd does."""
        if stopped.is_set():
            raise Stopped
        for each in self.workers:
            if not each.runs() and time.monotonic() - each.began > 1:  # not in a loop, if it ends immediately
                each.start()
        if self.site and not self.site.runs():
            self.start_site()

    # Use.

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def enqueue(self, kind, key, **query):
        """Click the button. Return the id of the task, and the moment of the answer."""
        words = "&".join(f"{name}={value}" for name, value in query.items())
        status, body = self.get(f"/run/{kind}/{key}/?{words}")
        if status != 202:
            raise RuntimeError(f"The site answered {status}: {self.log('site')}")
        return json.loads(body)["id"], time.monotonic()

    def state(self, id):
        """Return the state of a task in the runner's words, or None."""
        if id is None:
            return None
        status, body = self.get(f"/state/{id}/")
        return json.loads(body)["state"] if status == 200 else f"error {status}"

    def release(self, key):
        (self.folder / f"release-{key}").touch()

    def events(self):
        """Return the events by the key of their job: lists of [event, process, moment]."""
        with self.reading, suppress(FileNotFoundError), (self.folder / "events").open("rb") as file:
            file.seek(self.read_until)
            for line in file:
                if not line.endswith(b"\n"):  # it is being written
                    break
                event, key, pid, at = json.loads(line)
                self.known[key].append([event, pid, at])
                self.read_until += len(line)
        return self.known

    def seen(self, key, event):
        return [each for each in self.events().get(key, ()) if each[0] == event]

    def wait_for(self, key, event, seconds=60):
        """Wait for an event of a job. Return its process and its moment."""

        def seen():
            self.restart_ended()
            if event == "end" and self.seen(key, "raise"):
                raise RuntimeError(f"{key} has failed: {self.log('worker')}{self.log('site')}")
            return self.seen(key, event)

        return wait_for(seen, f"the {event} of {key}", seconds)[0][1:]

    def log(self, name):
        """Return the end of the log of the workers or of the site."""
        with suppress(FileNotFoundError):
            return (self.folder / f"{name}.log").read_text(errors="replace")[-1500:]
        return ""

    # Measure.

    def parts(self):
        """Return the processes of the site, the workers and the servers."""
        workers = [process for each in self.workers for process in family(each.root)]
        servers = [process for each in self.servers.values() for process in family(each.process.root)]
        return {"site": family(self.site.root) if self.site else [], "workers": workers, "servers": servers}

    def memory(self):
        """Return the bytes (PSS) of each part: memory that processes share counts once."""
        return {part: sum(map(pss, processes)) for part, processes in self.parts().items()}

    def cpu(self):
        """Return the CPU seconds of each part so far, with the children that have ended."""
        return {part: sum(map(cpu, processes)) for part, processes in self.parts().items()}

    @contextmanager
    def peak_memory(self):
        """Yield a dictionary. After the block, it has the peak of each part in bytes, and of all together."""
        peak, over = defaultdict(int), threading.Event()

        def watch():
            while True:
                now = self.memory()
                for part, size in [*now.items(), ("all", sum(now.values()))]:
                    peak[part] = max(peak[part], size)
                if over.wait(0.1):
                    break

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield peak
        finally:
            over.set()
            watcher.join()


def pss(process):
    with suppress(psutil.Error, OSError, AttributeError):
        return process.memory_full_info().pss
    return 0


def cpu(process):
    with suppress(psutil.Error):
        times = process.cpu_times()
        return times.user + times.system + times.children_user + times.children_system
    return 0.0
