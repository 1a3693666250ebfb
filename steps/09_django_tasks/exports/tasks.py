"""The export as one of Django's tasks. Which backend runs it, the settings say."""

import logging
from datetime import timedelta

from django.conf import settings
from django.dispatch import receiver
from django.utils import timezone

from backends.compat import TaskResultStatus, task, task_finished
from exports import job
from exports.delivery import deliver
from exports.models import Export
from exports.retry import Again

logger = logging.getLogger(__name__)
LONGEST_WAIT = 300  # seconds; a broker takes what a worker holds back for too long for lost, and delivers it again


@task(backend=settings.EXPORT_RUNNER)
def run_export(export_id):
    """Run the job. It may be delivered twice, and then runs once: see Export.claim()."""
    export = Export.objects.filter(pk=export_id).first()
    if export is None:
        logger.warning(
            "Export %s is not in this database: deleted, or this worker has another DATABASE_URL.", export_id
        )
        return
    try:
        job.run(export, retry=run_export.get_backend().supports_defer)
    except SystemExit:  # its worker was told twice to stop
        if export.fail("The export was stopped before its end."):
            deliver(export)
        raise
    except Again as again:
        later = timezone.now() + timedelta(seconds=min(again.seconds, LONGEST_WAIT))
        run_export.using(run_after=later).enqueue(export_id)


@receiver(task_finished)
def tell_owner(task_result, **kwargs):
    """A task that its backend could not start: an export that waits for it has failed, and its owner reads so."""
    if task_result.task.module_path != run_export.module_path or task_result.status != TaskResultStatus.FAILED:
        return
    export = Export.objects.filter(pk=task_result.args[0]).first()
    if export and export.fail("The export could not be started. Please try again later."):
        export.mailed(error="No mail was sent.")
