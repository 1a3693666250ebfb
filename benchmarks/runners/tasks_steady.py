"""Django Tasks with steady-queue."""

from datetime import timedelta

from runners import MANAGE, POLL, PROCESSES
from runners.django_tasks import apps, define, enqueue, tasks

__all__ = ["define", "enqueue"]
TITLE = "Django Tasks, steady-queue"
PACKAGES = ["steady-queue"]
PYTHON = (3, 12)
FINISHED = "steady_queue.Job"
LEASE = "process_alive_threshold, 300 s"


def settings(options):
    import steady_queue
    from steady_queue.configuration import Configuration

    if options.lease:  # it reads these from its own module
        steady_queue.process_alive_threshold = timedelta(seconds=options.lease)
        steady_queue.process_heartbeat_interval = timedelta(seconds=options.lease / 5)
    worker = {"threads": 1, "processes": PROCESSES, "polling_interval": timedelta(seconds=POLL)}
    workers = [Configuration.Worker(**({} if options.defaults else worker))]
    return {
        "INSTALLED_APPS": apps("steady_queue"),
        "TASKS": tasks("steady_queue.backend.SteadyQueueBackend"),
        "STEADY_QUEUE": Configuration.Options(workers=workers),
    }


def workers(options):
    return [[*MANAGE, "steady_queue"]]


def state(task, id):
    from steady_queue.models import Job

    return str(Job.objects.get(pk=id).status)
