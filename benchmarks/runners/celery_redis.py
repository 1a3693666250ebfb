"""Celery with Redis and its own API. A worker acknowledges a task before it runs, which is Celery's default."""

from runners import celery_app
from runners.celery_app import enqueue

__all__ = ["enqueue"]
TITLE = "Celery with Redis"
PACKAGES = ["celery"]
BROKER = "redis"
LEASE = "nothing finds it"
app = celery_app.make("celery_redis")


def settings(options):
    return celery_app.settings(options)


def workers(options):
    return celery_app.worker("runners.celery_redis", options)


def define(function):
    return app.task(function)
