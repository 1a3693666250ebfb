"""Django Tasks with django-tasks-rq. A worker runs one task at a time, in a process for each."""

from runners import MANAGE, PROCESSES
from runners.django_tasks import apps, define, enqueue, state, tasks

__all__ = ["define", "enqueue", "state"]
TITLE = "Django Tasks, django-tasks-rq"
PACKAGES = ["django-tasks-rq", "django-rq", "rq"]
BROKER = "redis"
LEASE = "90 s without a heartbeat, and a maintenance each 600 s"


def settings(options):
    return {
        "INSTALLED_APPS": apps("django_rq", "django_tasks_rq"),
        "TASKS": tasks("django_tasks_rq.RQBackend"),
        "RQ_QUEUES": {"default": {"URL": options.broker}},
    }


def workers(options):
    command = [*MANAGE, "rqworker", "--job-class=django_tasks_rq.Job", "default"]
    return [command] * (1 if options.defaults else PROCESSES)
