"""This step's settings, for processes that are killed at a chosen point. See tests/killing.py."""

from config.settings import *  # noqa: F403

INSTALLED_APPS += ["tests.killing.KillingConfig"]  # noqa: F405
