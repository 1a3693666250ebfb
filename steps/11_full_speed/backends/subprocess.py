"""A backend that starts a process for each task. It needs no queue and no worker."""

import json
import subprocess
import sys

from django.conf import settings

from backends.base import StartAfterCommit


class SubprocessBackend(StartAfterCommit):
    """Start `manage.py run_task PATH ARGUMENTS`. Users of the machine can see the arguments with `ps`."""

    def start(self, result):
        arguments = json.dumps([result.args, result.kwargs])
        subprocess.Popen(
            [sys.executable, settings.BASE_DIR / "manage.py", "run_task", result.task.module_path, arguments],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
