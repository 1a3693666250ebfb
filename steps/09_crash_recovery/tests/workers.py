"""Celery's workers, for the tests."""

import json
import sys
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.exporting import kill
from tests.servers import STEP, environment, process, wait_for


@dataclass
class Worker:
    process: psutil.Popen
    log: Path

    def child(self):
        """Return the child process that runs the tasks."""
        (child,) = self.process.children()
        return child

    def kill(self):
        """Kill the worker and its child."""
        kill(self.process)
        self.process.wait()

    def received(self):
        """Return the number of tasks that the worker has received from the broker."""
        return self.log.read_text().count("] received")


@contextmanager
def worker(library, settings="tests.settings_celery", folder=STEP, **options):
    """Run a worker with one child. `options` are Celery's settings. At the end, kill it, even if it is busy."""
    log = library.folder / f"worker-{uuid.uuid4()}.log"
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency=1", "--loglevel=info"]
    command += [f"--hostname={log.stem}@localhost", "--without-mingle", "--without-gossip"]
    env = {**environment(library.database), **library.variables, "CELERY_OPTIONS": json.dumps(options)}
    env["DJANGO_SETTINGS_MODULE"] = settings
    with log.open("wb") as output, process(command, cwd=folder, env=env, stdout=output, stderr=output) as started:

        def ready():
            assert started.poll() is None, log.read_text()
            return " ready." in log.read_text() and started.children()

        wait_for(ready, "the worker")
        it = Worker(started, log)
        try:
            yield it
        except BaseException:
            print(log.read_text())  # pytest shows it when a test fails
            raise
        finally:
            it.kill()


def enqueue(library):
    """Put a new export into the queue, as the view does. Return its id."""
    export_id = library.add_export()
    code = f"from exports.tasks import run_export; run_export.using(backend='celery').enqueue({export_id!r})"
    done = library.manage("shell", "-v0", "-c", code)
    assert done.returncode == 0, done.stderr
    return export_id
