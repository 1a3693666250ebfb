"""What the backends here share: a task is handed on when the transaction that asked for it has committed."""

import logging
import uuid
from dataclasses import replace
from functools import partial

from django.db import transaction
from django.utils import timezone

from backends.compat import BaseTaskBackend, TaskResult, TaskResultStatus, task_enqueued, task_finished

logger = logging.getLogger(__name__)


class StartsOnCommit(BaseTaskBackend):
    """A backend whose `start(result)` hands a task on to something that does not see an open transaction."""

    def enqueue(self, task, args, kwargs):
        """Accept the task. Raises InvalidTask where the backend cannot do what it asks for."""
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
        self.validate_arguments(result)
        transaction.on_commit(partial(self._start, result))
        return result

    def validate_arguments(self, result):
        """Raises InvalidTask."""

    def _start(self, result):
        try:
            self.start(result)
        except Exception:  # who enqueued has its answer already: the signal tells those who care
            logger.exception("Task %s could not be started.", result.id)
            failed = replace(result, status=TaskResultStatus.FAILED, finished_at=timezone.now())
            task_finished.send(type(self), task_result=failed)
        else:
            task_enqueued.send(type(self), task_result=result)
