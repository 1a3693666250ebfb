"""The job as a Django task. EXPORT_RUNNER names the backend that runs it."""

from django.conf import settings
from django.dispatch import receiver

from backends.compat import TaskResultStatus, task, task_finished
from exports import job
from exports.models import Export


@task(backend=settings.EXPORT_RUNNER)
def run_export(export_id):
    """Run the job, wherever the backend calls this function."""
    job.run(export_id)


@receiver(task_finished)
def fail_export(task_result, **kwargs):
    """If a task has failed, or can't be started, change the state of its export to failed."""
    if task_result.task.module_path != run_export.module_path or task_result.status != TaskResultStatus.FAILED:
        return
    error = "The export could not be started. Please try again in a minute."
    if task_result.started_at:
        error = "The export stopped unexpectedly. Please try again."
    if export := Export.objects.filter(pk=task_result.args[0]).first():
        export.fail(error)
