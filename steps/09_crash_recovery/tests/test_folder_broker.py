"""The broker in a folder."""

from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

pytestmark = pytest.mark.covers("config/folder_broker.py")


def test_a_worker_never_sees_a_task_that_is_half_written(monkeypatch, tmp_path):
    """kombu's own transport opens the file under its final name, so a worker can read it before the task is in it."""
    folders = {"data_folder_in": str(tmp_path), "data_folder_out": str(tmp_path), "control_folder": str(tmp_path)}
    seen = []

    def look(path, *arguments, **options):
        with pytest.raises(Empty):
            reader._get("exports")
        seen.append(path.suffix)
        return original(path, *arguments, **options)

    with Connection("filesystem://", transport_options=folders) as connection:
        writer, reader = connection.channel(), connection.channel()
        for name in ("open", "rename"):
            original = getattr(Path, name)
            with monkeypatch.context() as patch:
                patch.setattr(Path, name, look)
                writer._put("exports", {"task": name})
            assert reader._get("exports") == {"task": name}
    assert seen == [".unfinished"] * 2
