"""`simple_export`, the first version of the command. Step 05 removes it."""

import subprocess
import sys

import pytest
from django.core.management import call_command

from library.factories import BookFactory
from tests.servers import STEP, environment, wait_for


@pytest.mark.django_db
def test_it_writes_the_file_of_the_download(client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    BookFactory.create_batch(3)
    call_command("simple_export")
    assert (tmp_path / "books.csv").read_bytes() == client.get("/books/download/").getvalue()


@pytest.mark.server
def test_trap_when_it_is_killed_a_truncated_file_has_the_final_name(large_database, tmp_path):
    command = [sys.executable, STEP / "manage.py", "simple_export"]
    file = tmp_path / "books.csv"
    with subprocess.Popen(command, env=environment(large_database), cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        wait_for(lambda: process.poll() or (file.exists() and file.stat().st_size > 100_000), "the first books")
        process.kill()
    assert 0 < file.read_bytes().count(b",979") < 400_000
