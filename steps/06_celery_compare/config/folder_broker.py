"""Celery's broker in a folder, so that the demo needs no server."""

import time
from pathlib import Path
from uuid import uuid4

from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    def _put(self, queue, payload, **kwargs):
        """Write the task, and then give the file its name. A worker of kombu 5.7 crashes if it reads half a task."""
        unfinished = Path(self.data_folder_out, f"{uuid4()}.unfinished")
        unfinished.write_text(dumps(payload))
        unfinished.rename(unfinished.with_name(f"{time.monotonic_ns():020}_{unfinished.stem}.{queue}.msg"))


class Transport(filesystem.Transport):
    Channel = Channel
