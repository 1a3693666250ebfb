"""Steps 02 to 11 write the same bytes for the same books, from SQLite and from PostgreSQL."""

import email
import email.policy
import hashlib
import zipfile
from contextlib import nullcontext

import pytest

import servers
from tests.conftest import manage
from tutorial import all_steps

# One process for each step and database writes a file in each way that the step has.
WRITE = """
import os
from pathlib import Path
from django.core.management import call_command
from django.test import Client

folder, step = Path(os.environ["FOLDER"]), os.environ["STEP"]
(folder / "download").write_bytes(Client(headers={"host": "localhost"}).get("/books/download/").getvalue())
if step >= "04":
    call_command("export_books", output=str(folder / "export_books"), verbosity=0)
if step in ("05", "06"):
    call_command("send_export", "--to=reader@example.com")
if step >= "07":
    call_command("migrate", verbosity=0)
    from django.contrib.auth.models import User
    from exports import job
    from exports.models import Export
    export = Export.objects.create(owner=User.objects.get_or_create(username="reader")[0])
    job.run(export.pk)
    export.refresh_from_db()
    (folder / "job").write_bytes(export.file.open().read())
if step >= "11":
    for engine in ("orm", "native"):
        call_command("export_books", engine=engine, output=str(folder / engine), verbosity=0)
    call_command("export_books", compress="zip", output=str(folder / "books.zip"), verbosity=0)
"""


def files_of(step, database, folder):
    """Return the bytes that the step writes, by the name of the way."""
    data = folder / "data"
    data.mkdir(parents=True)
    variables = {"DATA_DIR": str(data), "FOLDER": str(folder), "STEP": step.name[:2]}
    manage(step, database, "shell", "-v0", "-c", WRITE, **variables)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    if step.name[:2] in ("05", "06"):
        (path,) = (data / "mail").iterdir()
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        (attachment,) = message.iter_attachments()
        files["send_export"] = attachment.get_content()
    if packed := files.pop("books.zip", None):
        with zipfile.ZipFile(folder / "books.zip") as archive:
            files["zip"] = archive.read(archive.namelist()[0])
        assert len(packed) < len(files["zip"])
    return files


_, *STEPS = all_steps()


SERVICES = [pytest.mark.services, pytest.mark.slow]


@pytest.mark.parametrize("with_postgresql", [False, pytest.param(True, marks=SERVICES)])
def test_each_step_and_each_database_gives_one_hash(with_postgresql, tmp_path):
    hashes, databases = {}, {"SQLite": nullcontext(f"sqlite:///{tmp_path / 'library.sqlite3'}")}
    if with_postgresql:
        databases["PostgreSQL"] = servers.postgresql()
    for name, database in databases.items():
        with database as url:
            manage(STEPS[4], url, "migrate", "--verbosity=0")
            manage(STEPS[4], url, "seed_books", "3000", "--verbosity=0")
            for step in STEPS:
                for way, content in files_of(step, url, tmp_path / name / step.name).items():
                    assert content.count(b",979") == 3_000
                    hashes[name, step.name, way] = hashlib.sha256(content).hexdigest()
    assert len(hashes) == 28 * len(databases)
    assert len(set(hashes.values())) == 1, hashes
