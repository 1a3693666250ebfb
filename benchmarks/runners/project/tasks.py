"""The task of the benchmark, made by the runner. Packages look for tasks in a module of this name."""

from django.conf import settings

from runners import load
from runners.project import jobs

runner = load(settings.RUNNER)


@runner.define
def run(kind, key):
    jobs.run(kind, key)


def enqueue(kind, key):
    return runner.enqueue(run, kind, key)


def state(id):
    """Return the state of a task, or None if the runner has none."""
    return runner.state(run, id) if hasattr(runner, "state") else None
