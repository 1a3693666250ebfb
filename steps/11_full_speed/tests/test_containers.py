"""The files for containers and for platforms with a Procfile agree with this step. No container engine runs here."""

import json
import re

import pytest
from django.core.management import get_commands

from tests.servers import STEP

pytestmark = pytest.mark.covers("deploy", "config", "gunicorn.conf.py")
DEPLOY = STEP / "deploy"
# Without these, exports stay waiting, or files and rows stay forever.
OURS = {"reap_exports", "prune_exports", "prune_db_task_results", "clearsessions", "db_worker"}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def compose():
    yaml = pytest.importorskip("yaml")

    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def procfile():
    lines = (DEPLOY / "Procfile").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def django_commands(text):
    """Return the commands after each `manage.py`, such as reap_exports."""
    return set(re.findall(r"manage\.py (\w+)", text))


def test_each_command_exists(compose):
    commands = [" ".join(service.get("command", [])) for service in compose["services"].values()]
    for texts in (commands, [*procfile().values(), (DEPLOY / "Procfile").read_text()]):
        assert django_commands(" ".join(texts)) <= get_commands().keys()
        assert all(name in " ".join(texts) for name in OURS)


def test_each_migration_has_the_timeouts_of_the_unit():
    """The site's own timeouts would end a migration after 30 seconds."""
    (options,) = re.findall(r'"PGOPTIONS=(.*)"', (DEPLOY / "library-migrate.service").read_text())
    for name in ("compose.yaml", "Procfile"):
        (line,) = [line for line in (DEPLOY / name).read_text().splitlines() if "manage.py migrate" in line]
        assert f'PGOPTIONS="{options}"' in line


def test_each_variable_is_read_by_the_settings(compose):
    known = {*re.findall(r"^#?([A-Z0-9_]+)=", (DEPLOY / "library.env").read_text(), re.MULTILINE), "PYTHONUNBUFFERED"}
    in_dockerfile = re.findall(r"([A-Z_]+)=", "".join(re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE)))
    for service in compose["services"].values():
        if "build" in service:
            assert service["environment"].keys() <= known
            assert (DEPLOY / service["env_file"]).name == "library.env"
    assert set(in_dockerfile) <= known


def test_the_services_use_the_same_database_and_the_same_files(compose):
    services = compose["services"]
    database = services["database"]["environment"]
    url = "postgres://{POSTGRES_USER}:{POSTGRES_PASSWORD}@database/{POSTGRES_DB}".format(**database)
    ours = [service for service in services.values() if "build" in service]
    assert len(ours) == 4
    data_dir = re.search(r"DATA_DIR=(\S+)", DOCKERFILE).group(1)
    assert f"DATA_DIR={data_dir}\n" in (DEPLOY / "library.env").read_text()
    for service in ours:
        assert service["environment"]["DATABASE_URL"] == url
        assert service["volumes"] == [f"files:{data_dir}"] and "files" in compose["volumes"]
        assert service["build"] == {"context": "..", "dockerfile": "deploy/Dockerfile"}


def test_a_worker_has_more_time_to_stop_than_an_export_can_take(compose, settings):
    minutes = int(compose["services"]["worker"]["stop_grace_period"].removesuffix("m"))
    unit = (DEPLOY / "library-worker@.service").read_text()
    for stop in (minutes, int(re.search(r"TimeoutStopSec=(\d+)min", unit).group(1))):
        assert stop * 60 > settings.EXPORT_TIME_LIMIT


def test_the_image_has_the_step_and_no_passwords():
    for source in re.findall(r"^COPY (\S+) \S+$", DOCKERFILE, re.MULTILINE):
        assert (STEP / source).exists()
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    assert {"deploy/library.env", "db.sqlite3*", "data"} <= set(ignored)
    assert re.search(r"^USER library$", DOCKERFILE, re.MULTILINE)  # not root


def test_the_web_server_starts_with_the_same_words_everywhere(compose):
    (command,) = re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)
    assert json.loads(command) == ["sh", "-c", procfile()["web"].replace("$PORT", "8000")]
    assert compose["services"]["web"]["ports"] == ["127.0.0.1:8000:8000"]
    collect, gunicorn = procfile()["web"].split(" && exec ")  # without the static files, each page is an error
    unit, python = (DEPLOY / "library-web.service").read_text(), "/srv/library/.venv/bin/python"
    assert f"ExecStartPre={collect}\nExecStart={gunicorn.partition(' --')[0]}\n" in unit.replace(python, "python")
