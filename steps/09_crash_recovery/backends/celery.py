"""A backend that puts each task into Celery's queue."""

from celery import shared_task

from backends.base import StartAfterCommit, find_task


class CeleryBackend(StartAfterCommit):
    """Send each task to a Celery worker. The worker's app must include this module."""

    supports_defer = True

    def start(self, result):
        arguments = [result.task.module_path, result.args, result.kwargs]
        run_task.apply_async(arguments, eta=result.task.run_after)


@shared_task
def run_task(path, args, kwargs):
    """Run a task in a worker. Celery knows this task only, and it can run all tasks of Django."""
    find_task(path).call(*args, **kwargs)
