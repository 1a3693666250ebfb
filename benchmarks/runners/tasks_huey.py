"""Django Tasks with huey's own backend. Its queue is a separate SQLite file, so it needs no server."""

import signal

from runners import MANAGE, POLL, PROCESSES
from runners.django_tasks import apps, define, enqueue, state, tasks

__all__ = ["define", "enqueue", "state"]
TITLE = "Django Tasks, huey (SqliteHuey)"
PACKAGES = ["huey"]
LEASE = "nothing finds it"
STOP = signal.SIGINT  # huey's "Deploying to Production": SIGTERM interrupts the tasks


def settings(options):
    workers = {"workers": PROCESSES, "worker_type": "process", "initial_delay": POLL, "max_delay": POLL}
    return {
        "INSTALLED_APPS": apps("huey.contrib.djhuey"),
        "TASKS": tasks("huey.contrib.djhuey.tasks_backend.HueyBackend"),
        "HUEY": {
            "huey_class": "huey.SqliteHuey",
            "name": "queue",
            "filename": str(options.folder / "huey.sqlite3"),
            "consumer": {} if options.defaults else workers,
        },
    }


def workers(options):
    return [[*MANAGE, "run_huey"]]
