"""Celery with RabbitMQ and its own API. A worker acknowledges a task after it has run."""

from runners import celery_app
from runners.celery_app import enqueue

__all__ = ["enqueue"]
TITLE = "Celery with RabbitMQ, acks_late"
PACKAGES = ["celery"]
BROKER = "rabbitmq"
AS_FAST_AS = "celery_rabbitmq"
LEASE = "RabbitMQ sees that the connection is closed"
app = celery_app.make("celery_rabbitmq_late")


def settings(options):
    return celery_app.settings(options, late=True)


def workers(options):
    return celery_app.worker("runners.celery_rabbitmq_late", options)


def define(function):
    return app.task(function)
