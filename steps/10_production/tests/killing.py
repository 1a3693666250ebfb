"""Kill a process with SIGKILL when it comes to a chosen point, once for each export.

KILL_AT names a method and "before" or "after", for example "exports.models.Export.claim before". KILLED is a folder,
which gets a file for each export whose process was killed. Both are environment variables.
"""

import os
import signal
from contextlib import suppress
from functools import wraps
from pathlib import Path

from django.apps import AppConfig
from django.utils.module_loading import import_string


class KillingConfig(AppConfig):
    name = "tests.killing"
    label = "killing"

    def ready(self):
        path, when = os.environ["KILL_AT"].split()
        path, _, name = path.rpartition(".")
        owner = import_string(path)
        setattr(owner, name, killing(getattr(owner, name), when))


def killing(method, when):
    @wraps(method)
    def wrapper(it, *arguments, **options):
        # `it` is an Export or a Delivery. A backend has the id of the export in the arguments of its task.
        export_id = it.pk if hasattr(it, "pk") else arguments[0].args[0]
        if when == "before":
            kill_once(export_id)
        result = method(it, *arguments, **options)
        if when == "after":
            kill_once(export_id)
        return result

    return wrapper


def kill_once(export_id):
    with suppress(FileExistsError):
        (Path(os.environ["KILLED"]) / str(export_id)).touch(exist_ok=False)
        os.kill(os.getpid(), signal.SIGKILL)
