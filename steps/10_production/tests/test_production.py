"""The settings and files of a site that strangers reach."""

import json
import re
import shutil
import subprocess

import httpx
import psutil
import pytest

from tests.db_workers import with_database
from tests.servers import STEP, free_port, nginx, program, smtp

pytestmark = pytest.mark.server
DEPLOY = STEP / "deploy"
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "config.production",
    "SECRET_KEY": "a-key-of-fifty-characters-that-nobody-else-knows-0123456789",
    "ALLOWED_HOSTS": "books.example.com",
    "SITE_URL": "https://books.example.com",
    "EMAIL_FROM": "library@books.example.com",
    "EMAIL_URL": "smtp://127.0.0.1:1",  # where nobody listens
}


def test_djangos_own_check_for_deployments_finds_nothing(library):
    done = library.manage("check", "--deploy", "--fail-level=DEBUG", variables=ENVIRONMENT)
    assert (done.returncode, done.stderr) == (0, "")
    assert library.manage("check", "--deploy", "--fail-level=DEBUG").returncode == 1  # on the settings for learners


CHOOSE = """
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
for password in {}:
    try:
        validate_password(password)
        print([])
    except ValidationError as error:
        print(error.messages)
"""


def test_a_password_that_anybody_guesses_is_refused(library):
    passwords = ["1", "password1", "4815162342", "three-horses-in-the-library"]

    def refused(**variables):
        done = library.manage("shell", "-v0", "-c", CHOOSE.format(passwords), variables=variables)
        return done.stdout.splitlines()

    too_short, too_common, numeric, good = refused(**ENVIRONMENT)
    assert "too short" in too_short and "too common" in too_common and "entirely numeric" in numeric and good == "[]"
    assert refused() == ["[]"] * 4  # on the settings for learners


@pytest.mark.parametrize(
    "name, value, reason",
    [
        ("SECRET_KEY", "", "SECRET_KEY is missing."),
        ("ALLOWED_HOSTS", "", "ALLOWED_HOSTS is missing."),
        ("SITE_URL", "", "SITE_URL is missing."),
        ("EMAIL_FROM", "", "EMAIL_FROM is missing."),
        ("EMAIL_URL", "", "EMAIL_URL is missing."),
        ("SITE_URL", "http://books.example.com", "SITE_URL must begin with https://."),
        ("EXPORT_QUOTA", "none", "EXPORT_QUOTA must be a whole number from 1 on, not 'none'."),
    ],
)
def test_what_is_missing_is_named_in_the_last_line(library, name, value, reason):
    assert library.manage("check", variables=ENVIRONMENT).returncode == 0
    done = library.manage("check", variables={**ENVIRONMENT, name: value})
    assert done.returncode != 0
    assert reason in done.stderr.strip().splitlines()[-1]


def test_settings_without_a_runner_are_refused_before_anybody_waits(library):
    assert library.manage("check").returncode == 0
    done = library.manage("check", variables={"DJANGO_SETTINGS_MODULE": "tests.settings_no_tasks"})
    assert done.returncode == 1
    assert "(exports.E001) TASKS has no backend 'default' for exports." in done.stderr


def test_each_variable_of_the_shipped_file_is_one_that_is_read(library):
    code = "".join((STEP / "config" / name).read_text() for name in ("settings.py", "production.py"))
    names = re.findall(r"^#?([A-Z0-9_]+)=", (DEPLOY / "library.env").read_text(), re.MULTILINE)
    assert len(names) > 8
    assert [name for name in names if name not in code and not name.startswith(("AWS_", "DJANGO_SETTINGS"))] == []


def test_each_line_of_the_log_is_json_with_the_id_of_its_export(library):
    with_database(library, **ENVIRONMENT)
    (export_id,) = library.new_exports({"genre": "novel"})
    done = library.manage("run_export", export_id)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"time", "level", "logger", "message", "export"} <= lines[-1].keys()
    assert any(f"Export {export_id} is done: " in line["message"] for line in lines)
    assert {line["export"] for line in lines} == {export_id}


def test_the_site_is_https_only_behind_a_proxy_that_says_so(library):
    host = {"Host": "books.example.com"}
    with library.site(settings="config.production", **ENVIRONMENT) as site:
        with site.open("/books/", **host) as answer:
            assert (answer.status, answer.headers["Location"]) == (301, "https://books.example.com/books/")
        with site.open("/login/", **host, **{"X-Forwarded-Proto": "https"}) as answer:
            assert answer.status == 200
            assert "max-age=3600" in answer.headers["Strict-Transport-Security"]
            assert "Secure" in answer.headers["Set-Cookie"]
        assert site.get("/health/")[0] == 200  # asked from this machine
        with site.open("/books/", Host="evil.example.com", **{"X-Forwarded-Proto": "https"}) as answer:
            assert answer.status == 400


def test_the_health_page_tells_of_dead_and_of_waiting_exports_and_is_a_503_while_the_database_is_away(library):
    library.more = {"EXPORT_LEASE": "60", "EXPORT_START": "86400"}
    with library.site() as site:

        def health():
            status, body = site.get("/health/")
            return status, json.loads(body)

        assert health() == (200, {"database": "ok", "dead_exports": 0, "longest_wait": 0})
        library.new_exports()
        library.change("UPDATE exports_export SET created_at = '2026-01-01 12:00:00'")  # another attempt, just now
        assert health()[1]["longest_wait"] < 100
        library.change("UPDATE exports_export SET heartbeat_at = datetime('now', '-500 seconds')")  # no worker runs
        status, told = health()
        assert (status, told["dead_exports"], 500 <= told["longest_wait"] < 600) == (200, 0, True)
        library.change("UPDATE exports_export SET heartbeat_at = '2026-01-01 12:00:00'")
        assert health()[1]["dead_exports"] == 1
        library.manage("reap_exports")
        assert health() == (200, {"database": "ok", "dead_exports": 0, "longest_wait": 0})
        library.change("ALTER TABLE exports_export RENAME TO lost")
        assert health() == (503, {"database": "away"})


def test_systemd_takes_the_shipped_units(tmp_path):
    """Their paths are those of a server, so that here the programs of this machine stand for them."""
    python = tmp_path / "srv/library/.venv/bin/python"
    python.parent.mkdir(parents=True)
    shutil.copy("/bin/true", python)
    for unit in [*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")]:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/srv/library", f"{tmp_path}/srv/library"))
    units = sorted(str(unit) for unit in tmp_path.glob("library-*"))
    assert len(units) == 6
    checked = subprocess.run([program("systemd-analyze"), "verify", "--man=no", *units], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    broken = tmp_path / "library-broken.service"
    broken.write_text((tmp_path / "library-web.service").read_text().replace("Restart=always", "Restart=sometimes"))
    checked = subprocess.run([program("systemd-analyze"), "verify", "--man=no", broken], capture_output=True, text=True)
    assert "sometimes" in checked.stderr


def test_what_the_timers_call_are_commands_of_this_step(library):
    calls = [
        line.partition("manage.py ")[2].split()
        for unit in ("library-reap.service", "library-prune.service")
        for line in (DEPLOY / unit).read_text().splitlines()
        if line.startswith("ExecStart=")
    ]
    assert len(calls) == 3
    for call in calls:
        done = library.manage(*call)
        assert done.returncode == 0, done.stderr


def test_nginx_takes_the_shipped_configuration_and_serves_the_site_over_https(library, tmp_path):
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    subject = ["-subj", "/CN=books.example.com", "-days", "2", "-out", certificate, "-keyout", key]
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject], check=True, capture_output=True
    )
    tls = free_port()
    server = (DEPLOY / "nginx.conf").read_text()
    server = server.replace("listen 80;", "listen 127.0.0.1:{port};").replace(
        "listen 443 ssl", f"listen 127.0.0.1:{tls} ssl"
    )
    server = server.replace("/etc/letsencrypt/live/books.example.com", str(tmp_path))
    server = server.replace("127.0.0.1:8000", "127.0.0.1:{upstream}")
    with (
        library.site(settings="config.production", **ENVIRONMENT) as site,
        nginx(site, tmp_path / "nginx", server) as front,
    ):
        with front.open("/books/?q=a", Host="books.example.com") as answer:
            assert (answer.status, answer.headers["Location"]) == (301, "https://books.example.com/books/?q=a")
        with httpx.Client(verify=False, headers={"Host": "books.example.com", "X-Forwarded-Proto": "http"}) as visitor:  # noqa: S501
            answer = visitor.get(f"https://127.0.0.1:{tls}/books/")
            assert answer.status_code == 200 and "The library" in answer.text
            assert visitor.get(f"https://127.0.0.1:{tls}/health/").status_code == 404
            for login in ("/login/", "/admin/login/"):  # the two count together
                tries = [visitor.get(f"https://127.0.0.1:{tls}{login}").status_code for _ in range(15)]
                assert tries[-1] == 429
                assert tries[:11] == [200] * 11 or login == "/admin/login/"
            assert visitor.get(f"https://127.0.0.1:{tls}/books/").status_code == 200


def test_no_secret_is_in_a_log_or_on_a_command_line(library):
    """Also not where it goes wrong: this mail server wants no password, and the mail fails."""
    (export_id,) = library.new_exports({"genre": "novel"})
    with smtp() as (address, _):
        with_password = {"EMAIL_URL": address.replace("smtp://", "smtp://librarian:a-password@")}
        library.more = ENVIRONMENT | with_password
        with library.site(settings="config.production") as site:
            said, commands = said_and_commands(library, site, export_id)
    for secret in (ENVIRONMENT["SECRET_KEY"], "a-password"):
        assert secret not in said and not any(secret in command for command in commands)


def said_and_commands(library, site, export_id):
    """What a whole export, the site and a check write to their logs, and their command lines."""
    with library.run_export(export_id) as process:
        commands = [" ".join(each.cmdline()) for each in (psutil.Process(process.pid), site.process)]
        _, said = process.communicate()
    assert library.row(export_id)["mail_error"] and "could not be sent" in said
    site.get("/books/")
    said += site.log.read_text() + library.manage("check", "--deploy").stderr + str(library.row(export_id))
    return said, commands
