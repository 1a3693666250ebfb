"""Exports: a user asks for a file and gets it by email."""

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "exports"

    def ready(self):
        from exports import checks  # noqa: F401
