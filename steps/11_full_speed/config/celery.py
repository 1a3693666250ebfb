"""Celery's app. `celery -A config worker` starts a worker."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("library", include=["backends.celery"])
app.config_from_object("django.conf:settings", namespace="CELERY")
