"""Celery's workers, for the tests."""

import json
import sys
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.servers import STEP, environment, process, wait_for


@dataclass
class Worker:
    process: psutil.Popen
    log: Path

    def child(self):
        """The process in which the tasks run."""
        (child,) = self.process.children()
        return child

    def kill(self):
        """With its child, as the end of a container does."""
        with suppress(psutil.NoSuchProcess):  # it has ended already
            family = (self.process, *self.process.children(recursive=True))
            for each in family:
                each.suspend()  # at one moment: none sees the end of another
            for each in family:
                each.kill()
        self.process.wait()

    def said(self, text):
        return self.log.read_text().count(text)


@contextmanager
def worker(library, *options, settings="config.settings", folder=STEP, concurrency=1, **variables):
    """A worker with one child or more, ready to work. At the end of the block it is gone, also when it is busy."""
    log = library.folder / f"worker-{uuid.uuid4()}.log"
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "config",
        "worker",
        f"--concurrency={concurrency}",
        "--loglevel=info",
    ]
    command += [f"--hostname={log.stem}@localhost", "--without-mingle", "--without-gossip", *options]
    env = {**environment(library.database), **library.variables, **variables, "DJANGO_SETTINGS_MODULE": settings}
    with (
        log.open("wb") as output,
        process(command, cwd=folder, env=env, stdout=output, stderr=output) as started,
    ):

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


def with_celery(library, broker="", **variables):
    """The same library, whose exports go through Celery and a broker: the file system, or the one with this URL."""
    library.more = {"EXPORT_RUNNER": "celery", "CELERY_BROKER_URL": broker, "EXPORT_LEASE": "2", **variables}
    library.more |= {"EXPORT_BACKOFF": "0"} if "EXPORT_BACKOFF" not in variables else {}
    return library


def with_options(**options):
    """The variables for tests.settings_celery: other options of the task than ours."""
    return {"settings": "tests.settings_celery", "TASK_OPTIONS": json.dumps(options)}
