"""Kill a process with SIGKILL before or after its k-th call to the database, the mail server or the storage.

`python -m tests.crashing BACKEND REPORT` does that for each k, recovers the export each time, and writes the results as
JSON. It needs a library with the user `reader`, and a real mail server in EMAIL_URL.
"""

import json
import os
import signal
import smtplib
import sys
import threading
import time
from datetime import timedelta
from functools import wraps
from pathlib import Path

import psutil
from celery.signals import task_postrun, task_prerun
from django.apps import AppConfig

POINT = Path(os.environ.get("CRASH_POINT", "no such file"))  # a file with the number of a call, and "before" or "after"
WATCHED = []  # the calls of this process so far


class CrashingConfig(AppConfig):
    name = "tests.crashing"
    label = "crashing"

    def ready(self):
        """Watch all calls of this process and its children."""
        from django.core.files.storage import FileSystemStorage
        from django.db.backends.base.base import BaseDatabaseWrapper
        from django.db.backends.utils import CursorWrapper

        for owner, names in {
            CursorWrapper: ["_execute", "_executemany"],
            BaseDatabaseWrapper: ["commit"],
            FileSystemStorage: ["_save", "delete"],
            smtplib.SMTP: ["connect", "mail", "rcpt", "data", "quit"],
        }.items():
            for name in names:
                setattr(owner, name, watched(getattr(owner, name)))


def watched(function):
    @wraps(function)
    def wrapper(*arguments, **options):
        if threading.current_thread() is not threading.main_thread() or not POINT.exists():
            return function(*arguments, **options)
        WATCHED.append(function.__qualname__)
        number, when = POINT.read_text().split()
        is_point = len(WATCHED) == int(number)
        if is_point and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return function(*arguments, **options)
        finally:
            if is_point and when == "after":
                os.kill(os.getpid(), signal.SIGKILL)

    return wrapper


def run_in_a_fork(export_id):
    """Run a worker of the database backend in a child process. Return whether it was killed."""
    from django.core.management import call_command
    from django.db import connections

    connections.close_all()
    child = os.fork()
    if child == 0:
        WATCHED.clear()
        call_command("db_worker", "--batch", "--backend=database", "--interval=0", "--no-startup-delay", "-v0")
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def run_in_a_process(export_id):
    """Wait for the process that the subprocess backend has started. Return whether it was killed."""
    child = max(psutil.Process().children(), key=psutil.Process.create_time)
    return os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]) == -signal.SIGKILL


@task_prerun.connect
def begin_to_watch(**kwargs):
    WATCHED.clear()


@task_postrun.connect
def tell_that_the_task_is_done(args, **kwargs):
    (export_id,) = args[1]
    POINT.with_name(f"done-{export_id}").touch()


def run_in_celery(export_id):
    """Wait until the child of the Celery worker has run the task, or was killed. Return whether it was killed."""
    log, done = Path(os.environ["CELERY_LOG"]), POINT.with_name(f"done-{export_id}")
    before, deadline = log.read_text().count("WorkerLostError"), time.monotonic() + 120
    while not done.exists():
        if log.read_text().count("WorkerLostError") > before:
            return True
        assert time.monotonic() < deadline, f"the worker did not run the task:\n{log.read_text()}"
        time.sleep(0.01)
    return False


def crash_everywhere(backend):
    """Kill at each call. Yield a dictionary for each crash point: where, and how the export ended."""
    from django.contrib.auth.models import User
    from django.db import transaction

    from exports.models import Export
    from exports.tasks import run_export

    run = {"database": run_in_a_fork, "subprocess": run_in_a_process, "celery": run_in_celery}[backend]
    task, owner = run_export.using(backend=backend), User.objects.get(username="reader")
    for when in ("before", "after"):
        number, was_killed = 0, True
        while was_killed:
            number += 1
            with transaction.atomic():
                export = Export.objects.create(owner=owner, filters={"genre": "novel"})
                set_point(f"{number} {when}")
                task.enqueue(str(export.pk))
            was_killed = run(str(export.pk))
            set_point(None)
            recover(export.pk, backend)
            yield {"number": number, "when": when, "was_killed": was_killed, **ending(export.pk)}


def set_point(point):
    """Set the crash point for the processes that start from now on, and not for this process."""
    if point:
        part = POINT.with_suffix(".part")
        part.write_text(point)
        part.rename(POINT)
        WATCHED[:] = [None] * 1_000_000  # this process never reaches the point
    else:
        POINT.unlink()


def recover(export_id, backend):
    """End the leases as if their time was over, and let reaper and workers do the rest."""
    from django.core.management import call_command
    from django.utils import timezone
    from django_tasks_db.models import DBTaskResult

    from exports import reaper
    from exports.models import Delivery, Export

    for _ in range(10):
        if Export.objects.get(pk=export_id).is_settled:
            return
        for model in (Export, Delivery):
            model.objects.filter(pk=export_id).update(lease_until=timezone.now() - timedelta(seconds=1))
        reaper.reap()
        if backend == "database":
            DBTaskResult.objects.filter(status="READY").update(run_after=timezone.now())
            call_command("db_worker", "--batch", "--backend=database", "--interval=0", "--no-startup-delay", "-v0")
        else:
            deadline = time.monotonic() + 30
            while not Export.objects.get(pk=export_id).is_settled and time.monotonic() < deadline:
                time.sleep(0.01)
    raise AssertionError(f"Export {export_id} has not ended, or its email hasn't.")


def ending(export_id):
    from exports.models import Export

    export = Export.objects.get(pk=export_id)
    file = export.file.storage.path(export.file.name) if export.file else None
    email = {"is_sent": bool(export.delivery.sent_at), "email_error": export.delivery.error}
    return {"id": str(export_id), "state": export.state, "error": export.error, "file": file, **email}


def main():
    import django

    django.setup()
    backend, report = sys.argv[1:]
    Path(report).write_text(json.dumps(list(crash_everywhere(backend)), indent=1))


if __name__ == "__main__":
    # Django must find this module under its own name, and not as __main__.
    from tests import crashing

    crashing.main()
