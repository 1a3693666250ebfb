"""Procrastinate with its Django app and its own API. A worker runs one task at a time.

The task `retry_stalled_jobs` is the one of its how-to "Retry stalled jobs".
"""

import os

from runners import MANAGE, PROCESSES, Options

TITLE = "Procrastinate"
PACKAGES = ["procrastinate"]
DATABASES = ["postgresql"]
FINISHED = "procrastinate.ProcrastinateJob"
LEASE = "our task retry_stalled_jobs each 10 minutes, and 30 s without a heartbeat"


def settings(options):
    settings = {"INSTALLED_APPS": ["procrastinate.contrib.django"], "PROCRASTINATE_READONLY_MODELS": False}
    if options.lease:
        beat = {"update_heartbeat_interval": options.lease / 5, "stalled_worker_timeout": options.lease}
        settings["PROCRASTINATE_WORKER_DEFAULTS"] = beat
    return settings


def workers(options):
    return [[*MANAGE, "procrastinate", "worker"]] * (1 if options.defaults else PROCESSES)


def define(function):
    from procrastinate.contrib.django import app

    lease = Options.read(os.environ).lease
    cron = f"* * * * * */{lease}" if lease else "*/10 * * * *"

    @app.periodic(cron=cron)
    @app.task(queueing_lock="retry_stalled_jobs", pass_context=True, name="retry_stalled_jobs")
    async def retry_stalled_jobs(context, timestamp):
        stalled = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=lease or 30)
        for job in stalled:
            await app.job_manager.retry_job(job)

    return app.task(function, name="run")


def enqueue(task, kind, key):
    return str(task.defer(kind=kind, key=key))


def state(task, id):
    from procrastinate.contrib.django.models import ProcrastinateJob

    return ProcrastinateJob.objects.get(pk=id).status
