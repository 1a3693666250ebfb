"""Who runs the job: each module here has a function `start(export)`."""

from importlib import import_module

from django.conf import settings


def chosen():
    """The one that the setting EXPORT_RUNNER names."""
    return import_module(f"exports.runners.{settings.EXPORT_RUNNER}")
