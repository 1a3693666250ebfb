"""The settings and the files of a site that others can reach."""

import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from tests.databases import kept
from tests.servers import (
    STEP,
    environment,
    free_port,
    gunicorn,
    manage,
    nginx,
    process,
    program,
    smtp,
    wait_for,
)

pytestmark = [pytest.mark.server, pytest.mark.covers("config", "deploy", "exports/checks.py", "exports/logs.py")]
DEPLOY = STEP / "deploy"
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "config.production",
    "SECRET_KEY": "a-key-of-fifty-characters-that-nobody-else-knows-0123456789",
    "ALLOWED_HOSTS": "books.example.com",
    "SITE_URL": "https://books.example.com",
    "EMAIL_FROM": "library@books.example.com",
    "EMAIL_URL": "smtp://127.0.0.1:1",  # nothing listens there
    "EXPORT_RUNNER": "database",
}


def collect_static(folder):
    """Put what `collectstatic` makes into this DATA_DIR. It's made once for all tests."""

    def make(part):
        done = manage("sqlite://", "collectstatic", "--noinput", variables=ENVIRONMENT | {"DATA_DIR": str(part)})
        assert done.returncode == 0, done.stderr

    static = kept("static", make, ("*/static/**/*.*", "config/*.py")) / "static"
    shutil.copytree(static, Path(folder) / "static")


def production(monkeypatch, folder, **variables):
    """Return the settings of config/production.py with these environment variables."""
    for name, value in {**ENVIRONMENT, "DATABASE_URL": "sqlite://", "DATA_DIR": str(folder), **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, "config.settings")  # so that it's read again
    return runpy.run_path(str(STEP / "config" / "production.py"))


def test_djangos_check_for_deployments_finds_nothing(library):
    library.database = "postgres://library@127.0.0.1/library"
    library.variables |= ENVIRONMENT
    done = library.manage("check", "--deploy", "--fail-level=DEBUG")
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_for_learning_only_is_refused(db, settings):
    call_command("check")
    settings.EXPORT_RUNNER = "celery"
    with pytest.raises(SystemCheckError) as refused:
        call_command("check", deploy=True)
    assert "(exports.E101) DATABASE_URL names a SQLite file." in str(refused.value)
    assert "(exports.E102) CELERY_BROKER_URL is for learning only." in str(refused.value)
    assert "(exports.E103) DATA_DIR is inside the code." in str(refused.value)
    settings.CELERY_BROKER_URL = "memory://"  # a queue within each process
    with pytest.raises(SystemCheckError, match=r"\(exports.E102\)"):
        call_command("check", deploy=True)


@pytest.mark.parametrize(
    "name, value, error",
    [
        ("SECRET_KEY", "", "SECRET_KEY is missing."),
        ("ALLOWED_HOSTS", "", "ALLOWED_HOSTS is missing."),
        ("SITE_URL", "", "SITE_URL is missing."),
        ("EMAIL_FROM", "", "EMAIL_FROM is missing."),
        ("DATABASE_URL", "", "DATABASE_URL is missing."),
        ("EMAIL_URL", "", "EMAIL_URL is missing."),
        ("DATA_DIR", "", "DATA_DIR is missing."),
        ("EXPORT_RUNNER", "celery", "CELERY_BROKER_URL is missing."),
        ("SITE_URL", "http://books.example.com", "SITE_URL must begin with https://."),
        (
            "SITE_URL",
            "https://bücher.example.com",
            "SITE_URL must look like https://books.example.com, not 'https://bü",
        ),
        ("ALLOWED_HOSTS", "https://books.example.com", "ALLOWED_HOSTS must have the host of SITE_URL"),
        ("ALLOWED_HOSTS", "books.example.com:443", "ALLOWED_HOSTS must have the host of SITE_URL"),
        ("ALLOWED_HOSTS", "example.com", "ALLOWED_HOSTS must have the host of SITE_URL"),
        ("EMAIL_FROM", "library", "EMAIL_FROM must be an address"),
        ("EMAIL_FROM", "Library library@books.example.com", "EMAIL_FROM must be an address"),
        ("EMAIL_FROM", "a@example.com, b@example.com", "EMAIL_FROM must be an address"),
        ("EMAIL_FROM", "Library, Town Hall <library@books.example.com>", "EMAIL_FROM must be an address"),
        ("EMAIL_FROM", "Library <library@books.example.com", "EMAIL_FROM must be an address"),
        ("EMAIL_FROM", "bücher@example.com", "EMAIL_FROM must be an address"),
        ("EXPORT_QUOTA", "none", "EXPORT_QUOTA must be a whole number from 1 to 1,000,000, not 'none'."),
        ("EXPORT_RETENTION_DAYS", "9999999", "EXPORT_RETENTION_DAYS must be a whole number from 1 to 36,500"),
        ("EXPORT_TIME_LIMIT", "0", "EXPORT_TIME_LIMIT must be a whole number from 1"),
    ],
)
def test_a_missing_or_wrong_variable_is_named(monkeypatch, tmp_path, name, value, error):
    with pytest.raises(ImproperlyConfigured, match=re.escape(error)):
        production(monkeypatch, tmp_path, **{name: value})


@pytest.mark.parametrize(
    "sender", ['"Library, Town Hall" <library@books.example.com>', "Bücherei <library@bücher.example.com>"]
)
def test_a_sender_with_a_name_is_used(monkeypatch, tmp_path, sender):
    assert production(monkeypatch, tmp_path, EMAIL_FROM=sender)["DEFAULT_FROM_EMAIL"] == sender


def test_forms_are_accepted_if_the_site_has_a_port_and_a_folder(monkeypatch, tmp_path):
    """A browser sends the origin of a form without a folder, and Django compares it with these."""
    found = production(monkeypatch, tmp_path, SITE_URL="https://books.example.com:8443/library")
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://books.example.com:8443"]


def test_settings_without_a_backend_are_refused(db, settings):
    del settings.TASKS
    settings.EXPORT_RUNNER = "default"
    with pytest.raises(SystemCheckError, match=r"\(exports.E001\) TASKS has no backend 'default' that runs"):
        call_command("check")


def test_a_replica_that_exports_are_read_from_is_refused(library):
    library.variables["DJANGO_SETTINGS_MODULE"] = "tests.settings_replica"
    done = library.manage("check")
    assert done.returncode == 1
    assert "(exports.E002) DATABASE_ROUTERS reads exports from a replica." in done.stderr


def test_all_variables_of_the_shipped_file_are_read(library):
    code = "".join((STEP / "config" / name).read_text() for name in ("settings.py", "production.py"))
    names = re.findall(r"^#?([A-Z0-9_]+)=", (DEPLOY / "library.env").read_text(), re.MULTILINE)
    assert len(names) > 8
    assert [name for name in names if name not in code and not name.startswith(("AWS_", "DJANGO_SETTINGS"))] == []


def test_a_shell_reads_the_shipped_file_as_systemd_does():
    """`check --deploy` gets its variables from a shell, for which & and $ have a meaning."""
    text = (DEPLOY / "library.env").read_text()
    command = ["sh", "-c", "set -a; . ./library.env; env"]
    done = subprocess.run(command, cwd=DEPLOY, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert done.stderr == ""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if line not in done.stdout.splitlines()] == []


# The largest numbers that config/settings.py accepts. The smallest is 1. A try of one second may be too short here.
MOST = {
    "EXPORT_MAIL_LIMIT": 10**12,
    "EXPORT_LEASE": 10**6,
    "EXPORT_START_TIMEOUT": 10**6,
    "EXPORT_MAX_RUNNING": 10**6,
    "EXPORT_QUOTA": 10**6,
    "EXPORT_RETENTION_DAYS": 36_500,
    "EXPORT_BACKOFF": 10**6,
    "SECURE_HSTS_SECONDS": 10**9,
}


@pytest.mark.parametrize(
    "numbers", [dict.fromkeys(MOST, 1), MOST | {"EXPORT_TIME_LIMIT": 10**6}], ids=["least", "most"]
)
def test_an_export_works_with_each_number_at_its_limit(library, numbers):
    """No mail server listens, so EXPORT_BACKOFF is used too."""
    library.variables |= ENVIRONMENT | {name: str(number) for name, number in numbers.items()}
    export_id = library.add_export(genre="novel")
    done = library.manage("run_task", "exports.tasks.run_export", f'[["{export_id}"], {{}}]')
    assert (done.returncode, library.export(export_id)["state"]) == (0, "done"), done.stderr
    assert library.sql("SELECT 1 FROM django_tasks_database_dbtaskresult")  # for the next try to send the email
    for command in ("reap_exports", "prune_exports"):
        assert library.manage(command).returncode == 0
    assert library.export(export_id)["expires_at"]


def test_each_line_of_the_log_is_json_with_the_id_of_its_export(library):
    library.variables |= ENVIRONMENT
    export_id = library.add_export(genre="novel")
    done = library.manage("run_task", "exports.tasks.run_export", f'[["{export_id}"], {{}}]')
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"time", "level", "logger", "message", "export"} <= lines[-1].keys()
    assert any(f"Export {export_id} is done: " in line["message"] for line in lines)
    assert {line["export"] for line in lines} == {export_id}


def test_the_log_of_a_celery_worker_is_json(library):
    """Celery replaces the handlers of the root logger, unless a setting says no."""
    library.variables |= ENVIRONMENT
    code = "from config.celery import app; app.log.setup('INFO'); app.log.get_default_logger().info('ready.')"
    done = library.manage("shell", "-v0", "-c", code)
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == ["ready."]


def test_the_site_uses_https_only_behind_a_proxy_that_says_so(library):
    library.variables |= ENVIRONMENT
    collect_static(library.variables["DATA_DIR"])
    host = {"Host": "books.example.com"}
    with library.site(settings="config.production") as site:
        with site.open("/books/", **host) as answer:
            assert (answer.status, answer.headers["Location"]) == (301, "https://books.example.com/books/")
        with site.open("/login/", **host, **{"X-Forwarded-Proto": "https"}) as answer:
            assert answer.status == 200
            assert "max-age=3600" in answer.headers["Strict-Transport-Security"]
            assert "Secure" in answer.headers["Set-Cookie"]
        assert site.get("/health/")[0] == 200  # for the monitor on this machine
        with site.open("/books/", Host="evil.example.com", **{"X-Forwarded-Proto": "https"}) as answer:
            assert answer.status == 400


def test_the_health_page_counts_overdue_exports_and_is_a_503_without_the_database(library):
    with library.site() as site:

        def health():
            status, body = site.get("/health/")
            return status, json.loads(body)

        assert health() == (200, {"database": "ok", "overdue_exports": 0, "longest_wait": 0})
        library.add_export()
        library.sql(
            "UPDATE exports_export SET lease_until = '2100-01-01', created_at = datetime('now', '-500 seconds')"
        )
        status, answer = health()
        assert (status, answer["overdue_exports"], 500 <= answer["longest_wait"] < 600) == (200, 0, True)
        library.sql("UPDATE exports_export SET lease_until = '2000-01-01'")
        assert health()[1]["overdue_exports"] == 1
        library.sql("ALTER TABLE exports_export RENAME TO lost")
        assert health() == (503, {"database": "unavailable"})


@pytest.mark.services
def test_the_query_of_the_monitor_counts_waiting_and_failed_exports(postgres):
    import psycopg

    insert = """
        INSERT INTO exports_export
            (id, owner_id, filters, state, token, tries_left, rows_done, file, error, created_at, finished_at)
        SELECT gen_random_uuid(), min(id), to_jsonb(%s::text), %s, 0, 5, 0, '', '', now() - %s, now() - %s
        FROM auth_user
    """
    with psycopg.connect(postgres) as connection:
        connection.execute("TRUNCATE exports_export CASCADE")  # those of other tests, until the rollback
        for number, (state, hours) in enumerate(
            [("waiting", 2), ("waiting", 3), ("failed", 0), ("failed", 2), ("done", 0), ("running", 5)]
        ):
            connection.execute(insert, [str(number), state, *[timedelta(hours=hours)] * 2])
        found = connection.execute((DEPLOY / "monitor.sql").read_text()).fetchone()
        connection.rollback()
    assert found == (2, timedelta(hours=3), 1)


@pytest.mark.services
def test_a_locked_row_does_not_hold_the_requests_of_others(tmp_path, postgres):
    import psycopg

    with psycopg.connect(postgres) as connection:
        variables = {**ENVIRONMENT, "DATA_DIR": str(tmp_path), "DATABASE_URL": postgres}
        connection.execute("SELECT * FROM auth_user FOR UPDATE")  # and no commit
        code = (
            "from exports.limits import request_export; from django.contrib.auth.models import User; "
            "request_export(User.objects.get(username='reader'), {})"
        )
        done = manage(postgres, "shell", "-v0", "-c", code, variables=variables)
        assert "canceling statement due to lock timeout" in done.stderr


@pytest.mark.services
def test_connections_are_reused_and_replaced_when_the_database_has_closed_them(tmp_path, postgres):
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        variables = {**ENVIRONMENT, "DATA_DIR": str(tmp_path)}
        del variables["DJANGO_SETTINGS_MODULE"]
        options = {"settings": "config.production", "variables": variables}
        wait_for(lambda: not connection.execute(f"SELECT 1 {others}").fetchall(), "the end of earlier tests")
        with gunicorn(postgres, tmp_path / "gunicorn.log", "--threads=1", "--worker-class=sync", **options) as site:

            def used():
                """Return the processes of PostgreSQL that serve the site's connections after a request."""
                assert site.get("/health/")[0] == 200
                return connection.execute(f"SELECT pid {others}").fetchall()

            first = used()
            assert len(first) == 1 and used() == first
            connection.execute(f"SELECT pg_terminate_backend(pid) {others}")  # as a restart of PostgreSQL does
            wait_for(lambda: not connection.execute(f"SELECT 1 {others}").fetchall(), "the connection to end")
            assert used() != first


@pytest.mark.services
def test_each_connection_has_timeouts_and_migrate_has_its_own(tmp_path, postgres):
    code = """
from django.db import connections
for alias in connections:
    with connections[alias].cursor() as cursor:
        names = ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "search_path"]
        cursor.execute(f"SELECT {', '.join(['current_setting(%s)'] * 4)}", names)
        print(alias, *cursor.fetchone())
"""
    (migrate,) = re.findall(r'PGOPTIONS=(.*)"', (DEPLOY / "library-migrate.service").read_text())
    url = f"{postgres}?options=-c%20search_path%3Dbooks"  # also if the URL has options
    variables = {**ENVIRONMENT, "DATA_DIR": str(tmp_path), "DATABASE_URL": url}
    done = manage(url, "shell", "-v0", "-c", code, variables=variables)
    expected = ["default 3s 30s 1min books", "progress 3s 30s 1min books", "snapshot 3s 1h 1min books"]
    assert done.stdout.splitlines() == expected, done.stderr
    done = manage(url, "shell", "-v0", "-c", code, variables=variables | {"PGOPTIONS": migrate})
    assert done.stdout.splitlines()[0] == "default 5s 0 0 books", done.stderr


def test_systemd_accepts_the_shipped_units(tmp_path):
    """Their paths are those of a server, so programs of this machine stand in for them."""
    python = tmp_path / "srv/library/.venv/bin/python"
    python.parent.mkdir(parents=True)
    shutil.copy("/bin/true", python)
    for unit in [*DEPLOY.glob("library-*.*"), *DEPLOY.glob("library-.service.d/*"), *DEPLOY.glob("unit-failed@*")]:
        if unit.is_file():
            copy = tmp_path / unit.relative_to(DEPLOY)
            copy.parent.mkdir(exist_ok=True)
            text = unit.read_text().replace("\n#OnFailure=", "\nOnFailure=")
            copy.write_text(text.replace("/srv/library", f"{tmp_path}/srv/library"))
    units = sorted(str(unit).replace("@", "@1") for unit in tmp_path.iterdir() if unit.is_file())
    assert len(units) == 9
    checked = subprocess.run([program("systemd-analyze"), "verify", "--man=no", *units], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    broken = tmp_path / "library-broken.service"
    broken.write_text((tmp_path / "library-web.service").read_text().replace("Restart=always", "Restart=sometimes"))
    checked = subprocess.run([program("systemd-analyze"), "verify", "--man=no", broken], capture_output=True, text=True)
    assert "sometimes" in checked.stderr


def test_a_unit_that_ends_has_a_time_limit_and_only_one_unit_migrates():
    """Without a limit, a command that hangs is never started again: systemd has none for Type=oneshot."""
    units = {unit.stem: unit.read_text() for unit in DEPLOY.glob("library-*.service")}
    once = {name for name, text in units.items() if "\nType=oneshot\n" in text}
    assert once == {"library-migrate", "library-prune", "library-reap"}
    assert [name for name in once if "\nTimeoutStartSec=" not in units[name]] == []
    assert [name for name, text in units.items() if " migrate" in text] == ["library-migrate"]


AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)  # the first descriptor after standard error
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def test_a_restart_refuses_no_connection(library, tmp_path):
    """systemd has the socket. gunicorn takes it, and tells systemd when it is ready."""
    assert "ListenStream=" in (DEPLOY / "library-web.socket").read_text()
    web = (DEPLOY / "library-web.service").read_text()
    assert "Requires=library-web.socket" in web and "Type=notify" in web and "-m gunicorn\n" in web
    library.variables |= ENVIRONMENT
    with (
        socket.create_server(("127.0.0.1", 0)) as shared,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd,
    ):
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        variables = {**environment(library.database), **library.variables, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        command = [sys.executable, "-c", AS_SYSTEMD, str(shared.fileno()), "-m", "gunicorn"]
        options = {"pass_fds": [shared.fileno()], "env": variables, "stderr": subprocess.DEVNULL}

        @contextmanager
        def ready():
            with process(command, **options) as server:
                while b"READY=1" not in systemd.recv(1000):
                    pass
                yield server

        url = f"http://127.0.0.1:{shared.getsockname()[1]}/health/"
        with ready():
            assert httpx.get(url).status_code == 200
        with ThreadPoolExecutor() as threads:
            answer = threads.submit(httpx.get, url, timeout=60)
            assert wait({answer}, timeout=1).not_done  # nothing runs, so it waits
            with ready():
                assert answer.result().status_code == 200


def test_the_sandbox_of_each_unit_is_rated_as_good(tmp_path):
    units = tmp_path / "etc/systemd/system"
    shutil.copytree(DEPLOY, units)
    for name in ("web", "worker@1", "migrate", "reap", "prune"):
        options = [f"--root={tmp_path}", "security", "--offline=true", "--threshold=30"]  # 3.0 of 10
        command = [program("systemd-analyze"), *options, f"library-{name}.service"]
        checked = subprocess.run(command, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout[-200:] + checked.stderr


def test_the_exports_that_the_reaper_starts_outlive_its_unit():
    """Otherwise systemd would kill them with the unit, if EXPORT_RUNNER is subprocess."""
    assert "\nKillMode=process\n" in (DEPLOY / "library-reap.service").read_text()


def test_the_timers_call_commands_of_this_step(db, settings, tmp_path):
    settings.MEDIA_ROOT = settings.EXPORT_TMP_DIR = tmp_path
    lines = [line for unit in DEPLOY.glob("*.service") for line in unit.read_text().splitlines()]
    calls = [
        line.partition("manage.py ")[2].split() for line in lines if line.startswith("ExecStart=") and "manage" in line
    ]
    names = {call[0] for call in calls}
    assert names == {"reap_exports", "prune_exports", "prune_db_task_results", "clearsessions", "db_worker", "migrate"}
    for call in calls:
        if call[0] != "db_worker":
            call_command(*call)


@pytest.fixture
def certificate(tmp_path):
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    subject = ["-subj", "/CN=books.example.com", "-days", "2", "-out", certificate, "-keyout", key]
    command = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject]
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def shipped_nginx(site, library, tmp_path):
    """Run nginx with deploy/nginx.conf in front of the site. Yield its ports for HTTP and HTTPS."""
    tls = free_port()
    server = (DEPLOY / "nginx.conf").read_text()
    server = server.replace("listen 80;", "listen 127.0.0.1:{port};")
    server = re.sub(r"listen \[::\].*", "", server).replace("listen 443 ssl", f"listen 127.0.0.1:{tls} ssl")
    server = server.replace("/etc/letsencrypt/live/books.example.com", str(tmp_path))
    server = server.replace("unix:/run/library.sock", "127.0.0.1:{upstream}")
    server = server.replace("/var/lib/library/files", str(library.folder / "data" / "files"))
    with nginx(site, tmp_path / "nginx", server) as front:
        yield front, tls


def test_nginx_accepts_the_shipped_configuration_and_sends_the_files(library, tmp_path, certificate):
    export_id = library.add_export(genre="novel")
    library.manage("run_task", "exports.tasks.run_export", f'[["{export_id}"], {{}}]')
    library.variables |= ENVIRONMENT | {"EXPORT_ACCEL_URL": "/files"}  # with or without / at the end
    collect_static(library.variables["DATA_DIR"])
    with (
        library.site(settings="config.production") as site,
        shipped_nginx(site, library, tmp_path) as (front, tls),
    ):
        for host in ("books.example.com", "evil.example.com"):
            with front.open("/books/?q=a", Host=host) as answer:
                assert (answer.status, answer.headers["Location"]) == (301, "https://books.example.com/books/?q=a")
        options = {"verify": False, "headers": {"Host": "books.example.com", "X-Forwarded-Proto": "http"}}
        with httpx.Client(base_url=f"https://127.0.0.1:{tls}", **options) as client:
            answer = client.get("/books/")
            assert answer.status_code == 200 and "The library" in answer.text
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
            (path,) = re.findall(r'href="(/static/library/style\.\w+\.css)"', answer.text)
            style = client.get(path)
            assert style.text == (STEP / "library/static/library/style.css").read_text()
            assert "immutable" in style.headers["Cache-Control"] and style.headers["Content-Encoding"] == "gzip"
            assert client.get("/health/").status_code == 404
            for host in ("evil.example.com", "127.0.0.1"):
                with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
                    client.get("/books/", headers={"Host": host})
            assert client.get(f"/files/exports/{export_id}-1.csv").status_code == 404  # only through the view
            client.get("/login/")
            form = {"csrfmiddlewaretoken": client.cookies["csrftoken"], "username": "reader", "password": "reader"}
            assert (
                client.post("/login/", data=form, headers={"Referer": "https://books.example.com/"}).status_code == 302
            )
            path = f"/exports/{export_id}/download/"
            whole = client.get(path)
            assert whole.content.count(b",979") == library.export(export_id)["rows_done"]
            assert whole.headers["ETag"] and "books-" in whole.headers["Content-Disposition"]
            part = client.get(path, headers={"Range": "bytes=10-19"})
            assert (part.status_code, part.content) == (206, whole.content[10:20])
            for login in ("/login/", "/admin/login/"):  # they count together
                tries = [client.get(login).status_code for _ in range(15)]
                assert tries[-1] == 429
            assert client.get("/books/").status_code == 200


def test_one_address_can_have_four_downloads_at_a_time_and_all_can_have_six(large_library, tmp_path, certificate):
    """A slow client occupies a thread of gunicorn, so slow clients must not get them all."""
    large_library.variables |= ENVIRONMENT
    collect_static(large_library.variables["DATA_DIR"])
    options = {"headers": {"Host": "books.example.com"}}
    with (
        large_library.site("--threads=8", settings="config.production") as site,
        shipped_nginx(site, large_library, tmp_path) as (_, tls),
        ExitStack() as stack,
    ):
        addresses = [httpx.HTTPTransport(verify=False, local_address=address) for address in ("127.0.0.1", "127.0.0.2")]
        one, other = (
            stack.enter_context(httpx.Client(base_url=f"https://127.0.0.1:{tls}", transport=address, **options))
            for address in addresses
        )

        def begin(client):
            return stack.enter_context(client.stream("GET", "/books/download/")).status_code

        assert [begin(one) for _ in range(5)] == [200, 200, 200, 200, 503]
        assert [begin(other) for _ in range(3)] == [200, 200, 503]  # two of the eight threads are left for pages
        assert one.get("/books/").status_code == 200


def test_the_hook_for_error_reports_gets_its_address(monkeypatch, tmp_path):
    """A module with the name of Sentry's library stands in for it."""
    calls = []
    monkeypatch.setitem(sys.modules, "sentry_sdk", SimpleNamespace(init=lambda **options: calls.append(options)))
    production(monkeypatch, tmp_path)
    assert calls == []
    production(monkeypatch, tmp_path, SENTRY_DSN="https://key@sentry.example.com/1")
    assert calls == [{"dsn": "https://key@sentry.example.com/1", "send_default_pii": False}]


def test_the_group_of_the_service_can_read_the_files_and_others_cannot(library):
    """nginx is in this group. As root, as in the other tests, it could read everything."""
    dropins = "".join(path.read_text() for path in (DEPLOY / "library-.service.d").iterdir())
    (umask,) = re.findall(r"^UMask=(\d+)$", dropins, re.MULTILINE)
    assert "\nStateDirectoryMode=0750\n" in dropins  # of DATA_DIR
    export_id = library.add_export(genre="novel")
    done = library.manage("run_task", "exports.tasks.run_export", f'[["{export_id}"], {{}}]', umask=int(umask, 8))
    assert done.returncode == 0, done.stderr
    data = library.folder / "data"
    file = data / "files" / library.export(export_id)["file"]
    assert file.stat().st_mode & 0o040
    for folder in [parent for parent in file.parents if parent.is_relative_to(data / "files")]:
        assert folder.stat().st_mode & 0o777 == 0o750
    assert (data / "tmp").stat().st_mode & 0o777 == 0o700


def test_no_secret_is_in_a_log_or_on_a_command_line(library):
    """The mail server of this test wants no password, so the email fails."""
    export_id = library.add_export(genre="novel")
    with smtp() as (url, _):
        library.variables |= ENVIRONMENT | {"EMAIL_URL": url.replace("smtp://", "smtp://librarian:a-password@")}
        done = library.manage("run_task", "exports.tasks.run_export", f'[["{export_id}"], {{}}]')
    assert "could not be sent" in done.stderr
    with library.site(settings="config.production") as site:
        site.get("/books/")
        logged = done.stdout + done.stderr + site.log.read_text() + str(library.export(export_id))
        commands = " ".join(site.process.cmdline())
    for secret in (ENVIRONMENT["SECRET_KEY"], "a-password"):
        assert secret not in logged and secret not in commands
