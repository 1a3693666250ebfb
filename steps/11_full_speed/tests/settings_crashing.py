"""This step's settings, for processes that are killed at a chosen call. See tests/crashing.py."""

from config.settings import *  # noqa: F403

INSTALLED_APPS += ["tests.crashing.CrashingConfig"]  # noqa: F405
EXPORT_BACKOFF = 1
EXPORT_LEASE = EXPORT_START_TIMEOUT = 3600  # seconds, so leases end only when we end them
CELERY_WORKER_LOST_WAIT = 0.1  # seconds until the worker reports that its child was killed
