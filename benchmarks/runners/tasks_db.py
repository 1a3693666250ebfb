"""Django Tasks with django-tasks-db. A worker runs one task at a time."""

from runners import MANAGE, POLL, PROCESSES
from runners.django_tasks import apps, define, enqueue, state, tasks

__all__ = ["define", "enqueue", "state"]
TITLE = "Django Tasks, django-tasks-db"
PACKAGES = ["django-tasks-db"]
FINISHED = "django_tasks_database.DBTaskResult"
LEASE = "nothing finds it"


def settings(options):
    return {"INSTALLED_APPS": apps("django_tasks_db"), "TASKS": tasks("django_tasks_db.DatabaseBackend")}


def workers(options):
    command = [*MANAGE, "db_worker", "--no-startup-delay"]
    return [command] if options.defaults else [[*command, f"--interval={POLL}"]] * PROCESSES
