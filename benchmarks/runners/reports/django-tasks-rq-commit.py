"""django-tasks-rq enqueues a task before the commit, whatever django-rq's COMMIT_MODE says.

    python django-tasks-rq-commit.py

It needs redis-server, and: pip install "django-tasks-rq==0.12.0" "django-rq==4.2.0" "rq==3.0.0".
See django-tasks-rq-commit.md.
"""

import socket
import subprocess
import time
from importlib.metadata import version

import django
from django.conf import settings

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    PORT = free.getsockname()[1]

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django_tasks", "django_rq", "django_tasks_rq"],
    TASKS={"default": {"BACKEND": "django_tasks_rq.RQBackend", "QUEUES": ["default"]}},
    RQ_QUEUES={"default": {"HOST": "127.0.0.1", "PORT": PORT}},
    RQ={"COMMIT_MODE": "on_db_commit"},  # the default
)
django.setup()

import django_rq  # noqa: E402
from django.db import transaction  # noqa: E402
from django_tasks import task  # noqa: E402


@task
def through_django_tasks():
    pass


def waiting():
    return len(django_rq.get_queue("default"))


def report(name, enqueue):
    try:
        with transaction.atomic():
            enqueue()
            inside = waiting()
            raise InterruptedError  # roll back
    except InterruptedError:
        pass
    print(f"{name}: {inside} in the queue before the commit, {waiting()} after the rollback")
    django_rq.get_queue("default").empty()


server = subprocess.Popen(
    ["redis-server", "--port", str(PORT), "--bind", "127.0.0.1", "--save", ""], stdout=subprocess.DEVNULL
)
try:
    while True:
        try:
            django_rq.get_connection().ping()
            break
        except Exception:
            time.sleep(0.05)
    names = ("django", "django-tasks", "django-tasks-rq", "django-rq", "rq")
    print(", ".join(f"{name} {version(name)}" for name in names))
    report("queue.enqueue()", lambda: django_rq.get_queue("default").enqueue("time.time"))
    report("task.enqueue()", through_django_tasks.enqueue)
finally:
    server.kill()
    server.wait()
