"""The workers of django-tasks-db, for the tests."""

import sys
import uuid
from contextlib import contextmanager

from tests.servers import STEP, environment, process, wait_for
from tests.workers import Worker


@contextmanager
def db_worker(library, *options):
    """Run `manage.py db_worker`. At the end, kill it, even if it is busy."""
    log = library.folder / f"db_worker-{uuid.uuid4()}.log"
    command = [sys.executable, STEP / "manage.py", "db_worker", "--backend=database", "--interval=0.1"]
    env = {**environment(library.database), **library.variables}
    with (
        log.open("wb") as output,
        process([*command, "--no-startup-delay", *options], env=env, stdout=output, stderr=output) as started,
    ):

        def ready():
            assert started.poll() is None, log.read_text()
            return "Starting worker" in log.read_text()

        wait_for(ready, "the worker")
        it = Worker(started, log)
        try:
            yield it
        except BaseException:
            print(log.read_text())  # pytest shows it when a test fails
            raise
        finally:
            it.kill()
