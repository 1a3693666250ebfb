"""Celery's app, for its workers (`celery -A config worker`) and for the site that gives them work."""

import os
from pathlib import Path

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("EXPORT_RUNNER", "celery")  # where a worker's task asks for itself again

app = Celery("library", include=["backends.celery"])
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.on_after_configure.connect
def make_the_folder_of_the_filesystem_broker(sender, **kwargs):
    if folder := sender.conf.broker_transport_options.get("data_folder_in"):
        Path(folder).mkdir(parents=True, exist_ok=True)
