"""The workers of django-tasks-db, for the tests."""

import sys
import uuid
from contextlib import contextmanager

from tests.servers import STEP, environment, process, wait_for
from tests.workers import Worker


@contextmanager
def db_worker(library, *options, **variables):
    """`manage.py db_worker`, ready to work. At the end of the block it is gone, also when it is busy."""
    log = library.folder / f"db_worker-{uuid.uuid4()}.log"
    command = [sys.executable, STEP / "manage.py", "db_worker", "--backend=database", "--interval=0.1"]
    env = {**environment(library.database), **library.variables, **variables}
    with (
        log.open("wb") as output,
        process([*command, "--no-startup-delay", *options], env=env, stdout=output, stderr=output) as started,
    ):

        def ready():
            assert started.poll() is None, log.read_text()
            return "Starting worker" in log.read_text()

        wait_for(ready, "the worker")
        worker = Worker(started, log)
        try:
            yield worker
        finally:
            worker.kill()


def with_database(library, **variables):
    """The same library, whose exports go through the table of django-tasks-db."""
    library.more = {"EXPORT_RUNNER": "database", "EXPORT_LEASE": "60", "EXPORT_BACKOFF": "0", **variables}
    return library
