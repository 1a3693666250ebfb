"""Django Tasks with dj-queue."""

from runners import MANAGE, POLL, PROCESSES
from runners.django_tasks import apps, define, enqueue, state, tasks

__all__ = ["define", "enqueue", "state"]
TITLE = "Django Tasks, dj-queue"
PACKAGES = ["dj-queue"]
PYTHON = (3, 12)
FINISHED = "dj_queue.Job"
LEASE = "process_alive_threshold, 300 s"


def settings(options):
    more = {}
    if options.lease:
        more |= {"process_alive_threshold": options.lease, "process_heartbeat_interval": options.lease / 5}
    if not options.defaults:
        more["workers"] = [{"queues": "*", "threads": 1, "processes": PROCESSES, "polling_interval": POLL}]
    return {
        "INSTALLED_APPS": apps("dj_queue"),
        "DATABASE_ROUTERS": ["dj_queue.routers.DjQueueRouter"],
        "TASKS": tasks("dj_queue.backend.DjQueueBackend", **more),
    }


def workers(options):
    return [[*MANAGE, "dj_queue"]]
