"""The job as a Django task. EXPORT_RUNNER names the backend that runs it."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from backends.compat import task
from exports import job
from exports.logs import log_context
from exports.retry import RetryLater


@task(backend=settings.EXPORT_RUNNER)
def run_export(export_id):
    """Run the job. If it may succeed later, enqueue another task."""
    try:
        with log_context(export_id):
            job.run(export_id)
    except RetryLater as retry:
        waits_in_queue = run_export.get_backend().supports_defer
        # The queue has EXPORT_START_TIMEOUT to start the task. Without a task, the reaper starts it in time.
        lease = retry.seconds + (settings.EXPORT_START_TIMEOUT if waits_in_queue else 0)
        with transaction.atomic():  # with the database backend, both rows are saved or neither
            if retry.release(lease) and waits_in_queue:
                run_after = timezone.now() + timedelta(seconds=retry.seconds)
                run_export.using(run_after=run_after).enqueue(export_id)
