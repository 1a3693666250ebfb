"""A subprocess, as in step 05. It needs no package and no worker."""

import subprocess

from runners import MANAGE

TITLE = "a subprocess"
PACKAGES = ["django"]
STARTS_PROCESSES = True  # one for each task
LEASE = "nothing finds it"


def workers(options):
    return []


def define(function):
    return function


def enqueue(task, *args):
    subprocess.Popen([*MANAGE, "run_job", *args], stdin=subprocess.DEVNULL, start_new_session=True)
