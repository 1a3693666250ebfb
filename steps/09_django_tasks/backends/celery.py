"""A backend that hands each task to Celery's workers."""

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils.module_loading import import_string

from backends.base import StartsOnCommit
from backends.compat import InvalidTask, Task


class CeleryBackend(StartsOnCommit):
    """Option: APP, the path of Celery's app, which must include this module."""

    supports_defer = True

    def start(self, result):
        task, app = result.task, import_string(self.options["APP"])
        arguments = [task.module_path, result.args, result.kwargs]
        app.send_task(run.name, arguments, queue=task.queue_name, eta=task.run_after, confirm_timeout=5)


@shared_task(
    name="django_task",
    ignore_result=True,
    acks_late=True,  # the broker keeps the task until it has ended, and not until it is begun
    reject_on_worker_lost=True,  # also when the child of the worker that runs it is killed
    autoretry_for=(OperationalError, InterfaceError),  # the database is away
    retry_backoff=True,
    retry_backoff_max=300,  # seconds
    max_retries=None,
)
def run(path, args, kwargs):
    """Run a task of Django's, which Celery's workers do not know by name. It may be delivered twice."""
    task = import_string(path)
    if not isinstance(task, Task):  # else whoever reaches the broker could have anything called
        raise InvalidTask(f"{path} is no task.")
    task.call(*args, **kwargs)
