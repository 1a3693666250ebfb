"""Celery with Redis and its own API. A worker acknowledges a task after it has run."""

from runners import celery_app
from runners.celery_app import enqueue

__all__ = ["enqueue"]
TITLE = "Celery with Redis, acks_late"
PACKAGES = ["celery"]
BROKER = "redis"
AS_FAST_AS = "celery_redis"
LEASE = "visibility_timeout, 3600 s, and a search each 100 s"
app = celery_app.make("celery_redis_late")


def settings(options):
    return celery_app.settings(options, late=True)


def workers(options):
    return celery_app.worker("runners.celery_redis_late", options)


def define(function):
    return app.task(function)
