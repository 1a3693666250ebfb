"""A backend that puts each task into Celery's queue."""

from backends.base import StartAfterCommit


class CeleryBackend(StartAfterCommit):
    """Send each task to a Celery worker."""

    supports_defer = True

    def start(self, result):
        from config.celery import run_task  # here, because other backends don't need Celery

        arguments = [result.task.module_path, result.args, result.kwargs]
        run_task.apply_async(arguments, eta=result.task.run_after)
