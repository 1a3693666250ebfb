"""Which runners are compared, and what each needs beside the site."""

import shutil
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from tests.brokers import rabbitmq, redis
from tests.db_workers import db_worker
from tests.workers import worker

LEASE = {"EXPORT_LEASE": "3", "CELERY_VISIBILITY_TIMEOUT": "10"}  # short, to see what comes after a kill
NEEDS = {"celery-redis": ["redis-server"], "celery-rabbitmq": ["rabbitmq-server", "epmd"]}


@dataclass
class Runner:
    """One of those that are compared."""

    variables: dict  # of the site and of its workers
    worker: Callable | None = None  # starts its worker, a context manager
    workers: list[dict] = field(default_factory=list)  # its options, for each that is started
    after_kill: dict = field(default_factory=dict)  # more options of its workers, to wait less for what comes then
    broker: set[int] = field(default_factory=set)  # the broker's processes
    others: list[set[int]] = field(default_factory=list)  # those of the other runners' brokers


def celery(broker=""):
    two = [{"concurrency": 2}]  # one worker with two children
    often = {"settings": "tests.settings_celery", "TASK_OPTIONS": "{}"}  # looks each second for what Redis holds back
    return Runner({"EXPORT_RUNNER": "celery", "CELERY_BROKER_URL": broker}, worker, two, often)


@contextmanager
def spawn():
    yield Runner({"EXPORT_RUNNER": "spawn"})


@contextmanager
def celery_files():
    yield celery()


@contextmanager
def celery_redis():
    with redis() as url:
        yield celery(url)


@contextmanager
def celery_rabbitmq():
    with rabbitmq() as urls:
        yield celery(next(urls))


@contextmanager
def database():
    yield Runner({"EXPORT_RUNNER": "database"}, db_worker, [{}, {}])


RUNNERS = {
    "spawn": spawn,
    "database": database,
    "celery-files": celery_files,
    "celery-redis": celery_redis,
    "celery-rabbitmq": celery_rabbitmq,
}


def missing(name):
    """The programs that this runner needs and that are not here."""
    places = "/usr/lib/rabbitmq/bin:/usr/sbin"
    return [each for each in NEEDS.get(name, []) if not shutil.which(each) and not shutil.which(each, path=places)]


@contextmanager
def ready(name):
    """The runner, with its broker started."""
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with RUNNERS[name]() as runner:
        runner.broker = {process.pid for process in psutil.Process().children(recursive=True)} - before
        yield runner
