"""The runners: what can run an export. EXPORT_RUNNER names the one to use."""

import logging
import subprocess
import sys
from functools import partial

from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from exports import tasks

logger = logging.getLogger(__name__)


def start_export(export):
    """Start the export with the runner of the settings as soon as its row is committed.

    Before that, no other process can see the row.
    """
    transaction.on_commit(partial(start, export))


def start(export):
    """Start the export now. If there is no memory for a process, or no broker, the export fails."""
    try:
        RUNNERS[settings.EXPORT_RUNNER](str(export.pk))
    except (OSError, OperationalError):
        logger.exception("Export %s could not be started.", export.pk)
        export.fail("The export could not be started. Please try again in a minute.")


def start_subprocess(export_id):
    """Start `manage.py run_export ID` in a separate process."""
    subprocess.Popen(
        [sys.executable, settings.BASE_DIR / "manage.py", "run_export", export_id],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def start_celery(export_id):
    """Put a task into the queue. A Celery worker runs it."""
    tasks.run_export.delay(export_id)


RUNNERS = {"subprocess": start_subprocess, "celery": start_celery}
