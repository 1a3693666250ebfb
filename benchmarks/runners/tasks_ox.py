"""Django Tasks with django-ox."""

from runners import MANAGE, POLL, PROCESSES
from runners.django_tasks import apps, define, enqueue, state, tasks

__all__ = ["define", "enqueue", "state"]
TITLE = "Django Tasks, django-ox"
PACKAGES = ["django-ox"]
PYTHON = (3, 12)
FINISHED = "django_ox.OxTask"
LEASE = "LOCK_TIMEOUT, 300 s"


def settings(options):
    lease = {"LOCK_TIMEOUT": options.lease} if options.lease else {}
    return {"INSTALLED_APPS": apps("django_ox"), "TASKS": tasks("django_ox.backend.OxBackend", **lease)}


def workers(options):
    command = [*MANAGE, "ox_worker"]
    return [command] if options.defaults else [[*command, f"--processes={PROCESSES}", f"--interval={POLL}"]]
