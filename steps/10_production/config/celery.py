"""Celery's app. `celery -A config worker` starts a worker."""

import os

from celery import Celery

from backends.base import find_task

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("library")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task
def run_task(path, args, kwargs):
    """Run a task of Django. Celery knows this task only, and it can run all of them."""
    find_task(path).call(*args, **kwargs)
