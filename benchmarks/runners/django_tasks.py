"""What the backends of Django Tasks have in common."""

from backends.compat import APPS
from backends.compat import task as define

__all__ = ["apps", "define", "enqueue", "state", "tasks"]


def tasks(backend, **options):
    return {"default": {"BACKEND": backend, "QUEUES": ["default"], "OPTIONS": options}}


def apps(*names):
    return [*APPS, *names]


def enqueue(task, *args):
    return str(task.enqueue(*args).id)


def state(task, id):
    return str(task.get_result(id).status)
