"""Steps 02 to 11 write the same bytes for the same books, from SQLite and from PostgreSQL."""

import email
import email.policy
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tutorial import all_steps, find_step

STEPS = [step.name for step in all_steps() if step.name[:2] >= "02"]
DOWNLOAD = """
import sys
from django.test import Client
sys.stdout.buffer.write(Client(headers={"host": "localhost"}).get("/books/download/").getvalue())
"""
SAVED = """
import sys
from django.contrib.auth.models import User
from exports import job
from exports.models import Export
owner, _ = User.objects.get_or_create(username="reader")
export = Export.objects.create(owner=owner)
job.run(export.pk)
export.refresh_from_db()
sys.stdout.buffer.write(export.file.open().read())
"""


def manage(step, database, *arguments, **variables):
    """Run a command of a step, and return its standard output in bytes."""
    environment = {**os.environ, "DATABASE_URL": database, **variables}
    command = [sys.executable, find_step(step) / "manage.py", *arguments]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout


def exported(step, database, *options):
    return manage(step, database, "export_books", "-o", "-", "-v0", *options)


def emailed(step, database, folder):
    """Send an export, and return the bytes of the attachment."""
    manage(step, database, "send_export", "--to=reader@example.com", DATA_DIR=str(folder))
    (file,) = (folder / "mail").iterdir()
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    (attachment,) = message.iter_attachments()
    return attachment.get_content()


@pytest.mark.services
def test_each_step_and_each_database_gives_one_hash(servers, tmp_path):
    hashes = {}
    with servers.postgresql() as postgresql:
        for name, database in (("SQLite", f"sqlite:///{tmp_path / 'library.sqlite3'}"), ("PostgreSQL", postgresql)):
            manage("06", database, "migrate", "--verbosity=0")
            manage("06", database, "seed_books", "3000", "--verbosity=0")
            for step in STEPS:
                folder = Path(tmp_path / f"{name}-{step}")
                files = {"download": manage(step, database, "shell", "-v0", "-c", DOWNLOAD)}
                if step[:2] >= "04":
                    files["export_books"] = exported(step, database)
                if step[:2] in ("05", "06"):
                    files["send_export"] = emailed(step, database, folder)
                if step[:2] >= "07":
                    manage(step, database, "migrate", "--verbosity=0")
                    files["job"] = manage(step, database, "shell", "-v0", "-c", SAVED, DATA_DIR=str(folder))
                if step[:2] >= "11":
                    files |= {engine: exported(step, database, f"--engine={engine}") for engine in ("orm", "native")}
                    manage(step, database, "export_books", "-v0", "--compress=zip", "-o", str(folder / "books.zip"))
                    with zipfile.ZipFile(folder / "books.zip") as archive:
                        files["zip"] = archive.read(archive.namelist()[0])
                for way, content in files.items():
                    assert content.count(b",979") == 3_000
                    hashes[name, step, way] = hashlib.sha256(content).hexdigest()
    assert len(hashes) == 2 * (10 + 8 + 2 + 5 + 3)
    assert len(set(hashes.values())) == 1, hashes
