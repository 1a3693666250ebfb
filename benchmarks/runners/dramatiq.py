"""Dramatiq with django-dramatiq, Redis, and its own API."""

from runners import MANAGE, PROCESSES

TITLE = "Dramatiq with Redis"
PACKAGES = ["dramatiq", "django-dramatiq"]
BROKER = "redis"
FINISHED = "django_dramatiq.Task"
LEASE = "heartbeat_timeout, 60 s, and a maintenance that 1 of 1,000 commands starts"


def settings(options):
    middleware = ["AgeLimit", "TimeLimit", "Callbacks", "Retries"]
    django = ["DbConnectionsMiddleware", "AdminMiddleware"]
    # By default, one of 1,000 commands looks for tasks of dead workers. With a short lease, each command does.
    lease = {"heartbeat_timeout": options.lease * 1000, "maintenance_chance": 1_000_000} if options.lease else {}
    return {
        "INSTALLED_APPS": ["django_dramatiq"],
        "DRAMATIQ_BROKER": {
            "BROKER": "dramatiq.brokers.redis.RedisBroker",
            "OPTIONS": {"url": options.broker, **lease},
            "MIDDLEWARE": [
                *(f"dramatiq.middleware.{name}" for name in middleware),
                *(f"django_dramatiq.middleware.{name}" for name in django),
            ],
        },
    }


def workers(options):
    equal = [] if options.defaults else [f"--processes={PROCESSES}", "--threads=1"]
    return [[*MANAGE, "rundramatiq", *equal]]


def define(function):
    import dramatiq

    return dramatiq.actor(function)


def enqueue(task, *args):
    return task.send(*args).message_id


def state(task, id):
    from django_dramatiq.models import Task

    return Task.tasks.get(id=id).status
