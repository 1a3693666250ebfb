"""A thread in the view. It needs no package and no worker."""

from threading import Thread

from django.db import connections

TITLE = "a thread in the view"
PACKAGES = ["django"]
LEASE = "nothing finds it"


def workers(options):
    return []


def define(function):
    return function


def enqueue(task, *args):
    Thread(target=run, args=(task, args)).start()


def run(task, args):
    try:
        task(*args)
    finally:
        connections.close_all()
