"""A runner with a queue: Celery's workers take the exports, on this machine or on others."""

import logging

from celery.exceptions import Reject
from django.conf import settings
from django.utils.module_loading import import_string

from exports import job
from exports.delivery import deliver
from exports.models import Export
from exports.retry import CONNECTION_LOST, Again

logger = logging.getLogger(__name__)
app = import_string(settings.CELERY_APP)
LONGEST_WAIT = 300  # seconds; a broker takes what a worker holds back for too long for lost, and delivers it again


def start(export):
    """Put the export into the queue. Raises OperationalError if the broker cannot be reached."""
    # The id and no more: what else there is to know may have changed meanwhile.
    run_export.apply_async([str(export.pk)], confirm_timeout=5)


@app.task(
    bind=True,
    name="exports.run_export",
    queue="exports",
    ignore_result=True,  # the export's row has it
    acks_late=True,  # the broker keeps the task until it has ended, and not until it is begun
    reject_on_worker_lost=True,  # also when the child of the worker that runs it is killed
    soft_time_limit=settings.EXPORT_TIME_LIMIT,
    time_limit=settings.EXPORT_TIME_LIMIT + 60,
    max_retries=None,  # the job itself knows when to give up
)
def run_export(self, export_id):
    """Run the job. It may be delivered twice, and then runs once: see Export.claim()."""
    try:
        export = Export.objects.get(pk=export_id)
        job.run(export, retry=True)
    except Export.DoesNotExist:
        logger.warning(
            "Export %s is not in this database: deleted, or this worker has another DATABASE_URL.", export_id
        )
    except Again as again:
        try:
            raise self.retry(countdown=min(again.seconds, LONGEST_WAIT)) from None
        except Reject:  # the broker does not take it, and so nobody would come again
            if export.fail("The export failed, and could not be tried again."):
                deliver(export)
    except CONNECTION_LOST:  # not even the failure could be written
        logger.exception("Export %s has to wait for the database.", export_id)
        raise self.retry(countdown=min(settings.EXPORT_LEASE, LONGEST_WAIT)) from None
