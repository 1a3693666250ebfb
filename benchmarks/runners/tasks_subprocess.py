"""Django Tasks with our backend that starts a process for each task."""

from runners.django_tasks import apps, define, enqueue, tasks

__all__ = ["define", "enqueue"]
TITLE = "Django Tasks, our subprocess backend"
PACKAGES = ["django"]
STARTS_PROCESSES = True  # one for each task
LEASE = "nothing finds it"


def settings(options):
    return {"INSTALLED_APPS": apps("backends"), "TASKS": tasks("backends.subprocess.SubprocessBackend")}


def workers(options):
    return []
