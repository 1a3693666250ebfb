"""The job as a Celery task."""

from celery import shared_task

from exports import job


@shared_task
def run_export(export_id):
    """Run the job in a worker."""
    job.run(export_id)
