"""A backend that puts each task into Celery's queue."""

from backends.base import StartAfterCommit


class CeleryBackend(StartAfterCommit):
    """Send each task to a Celery worker."""

    def start(self, result):
        from config.celery import run_task  # here, because other backends don't need Celery

        run_task.delay(result.task.module_path, result.args, result.kwargs)
