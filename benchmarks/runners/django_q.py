"""django-q2 with its ORM broker and its own API."""

from runners import MANAGE, POLL, PROCESSES

TITLE = "django-q2 (ORM)"
PACKAGES = ["django-q2"]
FINISHED = "django_q.Task"
LEASE = "retry, 60 s"


def settings(options):
    # Its documentation: `retry` has to be longer than `timeout`, and `timeout` longer than the longest task.
    retry = options.lease or 60
    cluster = {"name": "queue", "orm": "default", "timeout": retry - 1, "retry": retry}
    if not options.defaults:
        cluster |= {"workers": PROCESSES, "poll": POLL}
    return {"INSTALLED_APPS": ["django_q"], "Q_CLUSTER": cluster}


def workers(options):
    return [[*MANAGE, "qcluster"]]


def define(function):
    return function


def enqueue(task, *args):
    from django_q.tasks import async_task

    return async_task(f"{task.__module__}.{task.__qualname__}", *args)


def state(task, id):
    from django_q.models import OrmQ
    from django_q.tasks import fetch

    if found := fetch(id):
        return "success" if found.success else "failure"
    waiting = [entry for entry in OrmQ.objects.all() if entry.task_id() == id]
    return "in the queue" if waiting else "unknown"
