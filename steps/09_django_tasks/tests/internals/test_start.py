"""What the spawned process imports before it does anything: each module is time that every export waits."""

import subprocess
import sys
import uuid

import pytest

from tests.servers import STEP, environment

pytestmark = pytest.mark.server
AT_THE_END = "import atexit, sys; atexit.register(lambda: print(*sys.modules, sep='\\n'))\n"
SETUP = AT_THE_END + "import django; django.setup()"
COMMAND = AT_THE_END + "import runpy; sys.argv = sys.argv[1:]; runpy.run_path('manage.py', run_name='__main__')"
# What other processes of the site need, and what takes long to import.
NOT_HERE = {"celery", "kombu", "factory", "faker", "tqdm", "httpx", "zstandard", "nanoarrow", "boto3", "storages"}
NOT_HERE |= {"config.urls", "library.views", "exports.views", "library.factories"}


def imported(database, script, *arguments):
    """The modules that a process has imported when it ends, and what it complains of."""
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, cwd=STEP, env=environment(database), capture_output=True, text=True)
    return set(done.stdout.splitlines()), done.stderr


def test_run_export_imports_little_more_than_django_and_the_models(database):
    models, _ = imported(database, SETUP)
    command, said = imported(database, COMMAND, "manage.py", "run_export", str(uuid.uuid4()))
    assert "CommandError: There is no export" in said
    assert {"exports.models", "library.models"} <= models
    assert "exports.job" in command
    assert {name for name in command if name in NOT_HERE or name.partition(".")[0] in NOT_HERE} == set()
    assert len(command - models) < 25 and len(command) < 800
