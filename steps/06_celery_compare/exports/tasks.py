"""The job as a Celery task."""

from celery import shared_task

from exports import job


@shared_task
def send_export(address, filters):
    """Run the job in a worker."""
    job.send_export(address, filters)
