"""A backend without a queue and without a worker: each task is a management command in a process of its own."""

import subprocess
import sys
import threading
from pathlib import Path

from django.core import checks
from django.core.management import get_commands

from backends.base import StartsOnCommit
from backends.compat import InvalidTask


class SpawnBackend(StartsOnCommit):
    """Starts `manage.py NAME ARGUMENT…`: the command that has the task's name, with the task's arguments.

    Options: MANAGE, the path of manage.py, and LOGS, a folder. It has no results, no priorities
    and no run_after, and refuses tasks that want them, as Django's base class does.
    """

    def validate_arguments(self, result):
        if result.task.name not in get_commands():
            raise InvalidTask(f"There is no management command {result.task.name!r} to start.")
        if result.kwargs or any(not str(argument) or str(argument).startswith("-") for argument in result.args):
            raise InvalidTask("Only positional arguments go to a command, and none that looks like an option.")

    def start(self, result):
        command = [sys.executable, self.options["MANAGE"], result.task.name, *map(str, result.args)]
        logs = Path(self.options["LOGS"])
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)  # what failed is nobody else's business
        with (logs / f"{result.id}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # what ends the web server, a Ctrl-C for example, does not end it
            )
        # An ended process stays a zombie until somebody asks how it ended. Nobody else does.
        threading.Thread(target=process.wait, daemon=True).start()

    def check(self, **kwargs):
        if not Path(self.options.get("MANAGE", "")).is_file():
            yield checks.Error(f"The option MANAGE of the task backend {self.alias!r} must be the path of manage.py.")
        if "LOGS" not in self.options:
            yield checks.Error(f"The task backend {self.alias!r} needs the option LOGS, a folder.")
