"""What the runners with Celery have in common. Their modules are what `celery -A` imports."""

import sys

from celery import Celery

from runners import PROCESSES


def make(name):
    """Return Celery's app of a runner, as in Celery's guide for Django, without the line that names the settings."""
    app = Celery(name)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.autodiscover_tasks()
    return app


def settings(options, late=False):
    celery = {"CELERY_BROKER_URL": options.broker}
    if late:
        celery |= {"CELERY_TASK_ACKS_LATE": True, "CELERY_TASK_REJECT_ON_WORKER_LOST": True}
    if options.lease and options.broker.startswith("redis:"):
        # Kombu looks for such tasks on each tenth of its rounds, and a round is each 10 seconds.
        often = {"unacked_restore_interval": 1, "unacked_restore_throttle": 1}
        celery["CELERY_BROKER_TRANSPORT_OPTIONS"] = {"visibility_timeout": options.lease, **often}
    return celery


def worker(app, options):
    equal = [] if options.defaults else [f"--concurrency={PROCESSES}"]
    return [[sys.executable, "-m", "celery", "-A", app, "worker", "--loglevel=WARNING", *equal]]


def enqueue(task, *args):
    return task.delay(*args).id
