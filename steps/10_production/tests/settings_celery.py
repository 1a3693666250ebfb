"""This step's settings, with other options for its task, to show what these are for."""

import json
import os

from config.settings import *  # noqa: F403

CELERY_TASK_ANNOTATIONS = {"*": json.loads(os.environ["TASK_OPTIONS"])}
CELERY_WORKER_PREFETCH_MULTIPLIER = int(os.environ.get("PREFETCH", CELERY_WORKER_PREFETCH_MULTIPLIER))  # noqa: F405
if CELERY_BROKER_URL.startswith("redis"):  # noqa: F405
    # Look each second, and not each hundred, whether somebody has taken a task and is silent.
    CELERY_BROKER_TRANSPORT_OPTIONS |= {"unacked_restore_interval": 1, "unacked_restore_throttle": 1}  # noqa: F405
    # Who looks holds a lock, and who is killed then keeps it: all others would wait five minutes to look.
    CELERY_BROKER_TRANSPORT_OPTIONS |= {"unacked_mutex_expire": 2}
