"""A site and two workers that share a database, a broker and a storage, and nothing else."""

import shutil
import subprocess
import sys
from contextlib import ExitStack

import psycopg
import pytest

from tests.brokers import rabbitmq, s3
from tests.exporting import Library, add_users, logged_in, request_export
from tests.servers import STEP, environment, gunicorn, manage, postgresql, smtp, wait_for
from tests.workers import worker

pytestmark = [pytest.mark.server, pytest.mark.services, pytest.mark.slow]
BOOKS = 200_000


@pytest.fixture(scope="module")
def services():
    """Run PostgreSQL with books and users, RabbitMQ, and a storage. Yield the database's URL and the variables."""
    with ExitStack() as stack:
        url, (variables, bucket) = stack.enter_context(postgresql()), stack.enter_context(s3("exports"))
        hosts = stack.enter_context(rabbitmq())
        for arguments in (["migrate", "-v0"], ["seed_books", BOOKS, "-v0"]):
            done = manage(url, *arguments)
            assert done.returncode == 0, done.stderr
        add_users(url)
        yield url, {**variables, "CELERY_BROKER_URL": next(hosts), "EXPORT_RUNNER": "celery"}, bucket


@pytest.fixture
def machines(services, tmp_path):
    """Return three libraries with the same services. Each has a folder with its own copy of this step."""
    libraries = []
    for name in ("web", "one", "other"):
        shutil.copytree(STEP, tmp_path / name / "code", ignore=shutil.ignore_patterns("__pycache__", ".*", "data"))
        libraries.append(Library(services[0], tmp_path / name, dict(services[1])))
    return libraries


@pytest.fixture
def database(services):
    with psycopg.connect(services[0], autocommit=True) as connection:
        yield connection


def site(web):
    return gunicorn(web.database, web.folder / "log", variables=web.variables, folder=web.folder / "code")


def machine(library):
    return worker(library, folder=library.folder / "code")


def wait_for_export(database, export_id, condition):
    query = f"SELECT count(*) FROM exports_export WHERE id = %s AND {condition}"
    wait_for(lambda: database.execute(query, [export_id]).fetchone()[0], condition)


def test_a_machine_that_is_lost_costs_neither_the_export_nor_a_second_email(machines, services, database):
    web, *others = machines
    with smtp() as (url, emails), ExitStack() as stack:
        for library in machines:
            library.variables |= {"EMAIL_URL": url, "EXPORT_MAIL_LIMIT": "1"}
        client = stack.enter_context(logged_in(stack.enter_context(site(web))))
        one, other = (stack.enter_context(machine(library)) for library in others)
        export_id = request_export(client)
        wait_for_export(database, export_id, "rows_done > 0")
        (lost,) = (each for each in (one, other) if each.received())
        lost.kill()
        database.execute("UPDATE exports_export SET lease_until = now() - interval '1 second'")
        reaped = subprocess.run(
            [sys.executable, "manage.py", "reap_exports"],
            cwd=web.folder / "code",
            env={**environment(web.database), **web.variables},
            capture_output=True,
            text=True,
        )
        assert reaped.stdout == "Overdue: 1 exports, 0 emails.\n", reaped.stderr
        wait_for_export(database, export_id, "state = 'done' AND token = 2")
        assert client.get(f"/exports/{export_id}/download/", follow_redirects=True).content.count(b",979") == BOOKS
        wait_for(lambda: emails, "the email")
        # The email about a later export shows that no second one is on its way.
        wait_for_export(database, request_export(client, "?q=island"), "state = 'done'")
        wait_for(lambda: len(emails) == 2, "the next email")
    assert [f"/exports/{export_id}/" in email.get_content() for email in emails] == [True, False]
    assert len(services[2].list_objects_v2(Bucket="exports")["Contents"]) == 2
    assert not any((each.folder / "data" / "files").exists() for each in machines)


def test_a_machine_that_is_retired_finishes_its_export_and_loses_none(machines, database):
    web, *others = machines
    with ExitStack() as stack:
        client = stack.enter_context(logged_in(stack.enter_context(site(web))))
        with machine(others[0]) as retired:
            first = request_export(client)
            wait_for_export(database, first, "rows_done > 0")
            retired.process.terminate()
            wait_for(lambda: "Warm shutdown" in retired.log.read_text(), "the worker to hear it")
            second = request_export(client, "?q=island")
            retired.process.wait()
            wait_for_export(database, first, "state = 'done'")
        wait_for_export(database, second, "state = 'waiting'")
        with machine(others[1]):
            wait_for_export(database, second, "state = 'done'")
    wait_for_export(database, first, "token = 1")
