"""Look into the queue."""

from django_tasks_db import DatabaseBackend
from django_tasks_db.models import DBTaskResult

from backends.compat import TaskResultStatus


def is_queued(task, *args):
    """Return whether such a task is waiting in the queue. Only the database backend can tell, others return False."""
    if not isinstance(task.get_backend(), DatabaseBackend):
        return False
    arguments = {"args": list(args), "kwargs": {}}
    ready = DBTaskResult.objects.filter(status=TaskResultStatus.READY, task_path=task.module_path)
    return ready.filter(args_kwargs=arguments).exists()
