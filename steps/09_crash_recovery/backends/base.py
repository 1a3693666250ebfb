"""What the backends have in common."""

import logging
import uuid
from functools import partial

from django.core.exceptions import SuspiciousOperation
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from backends.compat import BaseTaskBackend, Task, TaskResult, TaskResultStatus

logger = logging.getLogger(__name__)


class StartAfterCommit(BaseTaskBackend):
    """A backend for something that doesn't see the rows of an open transaction.

    A subclass has the method `start(result)`, which starts the task and doesn't wait for it.
    """

    def enqueue(self, task, args, kwargs):
        """Start the task as soon as the transaction is committed. Return a TaskResult."""
        self.validate_task(task)
        result = TaskResult(
            task=task,
            id=str(uuid.uuid4()),
            status=TaskResultStatus.READY,
            enqueued_at=timezone.now(),
            started_at=None,
            finished_at=None,
            last_attempted_at=None,
            args=args,
            kwargs=kwargs,
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )
        transaction.on_commit(partial(self.try_to_start, result))
        return result

    def try_to_start(self, result):
        """Start the task. If that fails, log the error. The caller has its answer already."""
        try:
            self.start(result)
        except Exception:
            logger.exception("Task %s could not be started.", result.id)


def find_task(path):
    """Import the task, and return it. Raise SuspiciousOperation if the path leads to something else."""
    task = import_string(path)
    if not isinstance(task, Task):  # otherwise, a message could call any function
        raise SuspiciousOperation(f"{path} is not a task.")
    return task
