"""The runners: what can run an export. EXPORT_RUNNER names the one to use."""

import logging
import subprocess
import sys

from django.conf import settings
from kombu.exceptions import OperationalError

from exports import tasks
from library.filter_options import filter_options

logger = logging.getLogger(__name__)


class CannotStart(Exception):
    """The export can't be started now."""


def start_export(address, filters):
    """Start an export with the runner of the settings, and don't wait for it.

    Raise CannotStart if there is no memory for a process, or no broker.
    """
    try:
        RUNNERS[settings.EXPORT_RUNNER](address, filters)
    except (OSError, OperationalError) as error:
        logger.exception("The export could not be started.")
        raise CannotStart from error


def start_subprocess(address, filters):
    """Start `manage.py send_export` in a separate process."""
    subprocess.Popen(
        [
            sys.executable,
            settings.BASE_DIR / "manage.py",
            "send_export",
            f"--to={address}",
            *filter_options(filters),
        ],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def start_celery(address, filters):
    """Put a task into the queue. A Celery worker runs it."""
    tasks.send_export.delay(address, filters)


RUNNERS = {"subprocess": start_subprocess, "celery": start_celery}
