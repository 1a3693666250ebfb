"""Step 07's runner: a process of its own for each export."""

import subprocess
import sys
import threading

from django.conf import settings


def start(export):
    """Start `manage.py run_export ID` and return at once. Raises OSError."""
    command = [sys.executable, settings.BASE_DIR / "manage.py", "run_export", str(export.pk)]
    settings.EXPORT_LOGS.mkdir(mode=0o700, parents=True, exist_ok=True)  # what failed is nobody else's business
    with (settings.EXPORT_LOGS / f"{export.pk}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # what ends the web server, a Ctrl-C for example, does not end it
        )
    # An ended process stays a zombie until somebody asks how it ended. Nobody else does.
    threading.Thread(target=process.wait, daemon=True).start()
