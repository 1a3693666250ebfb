"""A dozen ways to run a job in the background of a Django site. Each module is one runner.

A module says what its runner needs, and how to use it:

    TITLE               its name in a table
    PACKAGES            the packages whose versions belong to its results
    PYTHON              the oldest Python, if it is newer than that of the steps
    BROKER              "redis" or "rabbitmq", if it needs one
    DATABASES           the databases it works with (default: SQLite and PostgreSQL)
    LEASE               how it finds the task of a dead worker, and after how long with its own defaults (text)
    FINISHED            the model with the finished tasks, if it keeps them in the database
    AS_FAST_AS          a runner that is as fast, because it differs in its kills only
    STARTS_PROCESSES    whether it starts a process for each task, so that many tasks take long
    BROKER_OR_FILES     whether it can do without its broker
    STOP                the signal that ends its worker, as its documentation recommends (default: SIGTERM)
    settings(options)   what it adds to the settings of the project
    workers(options)    the commands of its workers
    define(function)    makes a task of a function
    enqueue(task, ...)  puts the task into the queue, and returns its id
    state(task, id)     the state of a task in the runner's own words, if it has any

The project that all of them run in is the folder `project`.
"""

import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PROJECT = Path(__file__).resolve().parent / "project"
MANAGE = [sys.executable, str(PROJECT / "manage.py")]
NAMES = [
    "thread",
    "process",
    "tasks_subprocess",
    "tasks_db",
    "tasks_ox",
    "tasks_steady",
    "tasks_dj_queue",
    "tasks_huey",
    "django_q",
    "procrastinate",
    "tasks_rq",
    "dramatiq",
    "tasks_celery",
    "celery_redis",
    "celery_redis_late",
    "celery_rabbitmq",
    "celery_rabbitmq_late",
]
# What all runners have in common, unless you ask for the defaults of the packages.
POLL = 0.1  # seconds
PROCESSES = 2  # with one thread each


@dataclass(frozen=True)
class Options:
    """What the processes of one run have in common. They pass it on in environment variables."""

    runner: str
    folder: Path  # for the database, the events of the jobs, and their files
    database: str = ""  # a URL (default: SQLite in the folder)
    broker: str = ""  # a URL
    defaults: bool = False  # use the poll interval and the concurrency of the package
    lease: int = 0  # seconds after which a worker counts as dead (default: what the package uses)
    age: int = 0  # seconds for which Django keeps a database connection open (CONN_MAX_AGE)

    @classmethod
    def read(cls, environment):
        values = {name: environment.get(variable, "") for name, variable in cls.variables().items()}
        changed = {"folder": Path(values["folder"]), "defaults": values["defaults"] == "1"}
        return cls(**{**values, **changed, **{name: int(values[name] or 0) for name in ("lease", "age")}})

    @classmethod
    def variables(cls):
        return {name: "RUNNER" if name == "runner" else f"RUNNER_{name.upper()}" for name in cls.__dataclass_fields__}

    def environment(self):
        values = {**vars(self), "defaults": int(self.defaults)}
        return {variable: str(values[name] or "") for name, variable in self.variables().items()}


def load(name):
    """Import a runner. Raise ImportError if a package is missing."""
    return import_module(f"runners.{name}")


def why_not(name):
    """Return in one sentence why a runner can't run here, or None if it can."""
    if sys.version_info < (oldest := getattr(load(name), "PYTHON", (3, 11))):
        return f"It needs Python {oldest[0]}.{oldest[1]}."
    missing = [package for package in load(name).PACKAGES if not is_installed(package)]
    install = "pip install -e '.[runners]' -c constraints.txt"
    return f"Not installed: {', '.join(missing)} ({install})." if missing else None


def is_installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None
