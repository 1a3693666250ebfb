"""One machine is not enough: a site and two workers that share a database, a broker and a storage, and nothing else."""

import shutil
from contextlib import ExitStack

import pytest

from tests.brokers import rabbitmq, s3
from tests.exporting import Library, add_readers
from tests.servers import STEP, gunicorn, manage, postgresql, smtp, wait_for
from tests.workers import with_celery, worker

pytestmark = [pytest.mark.server, pytest.mark.services, pytest.mark.slow]
BOOKS = 200_000


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """PostgreSQL with books and readers, RabbitMQ, and a storage: the library of each machine, and what they share."""
    with ExitStack() as stack:
        url, storage, mail = (stack.enter_context(each) for each in (postgresql(), s3("exports"), smtp()))
        urls = stack.enter_context(rabbitmq())
        for arguments in (["migrate", "-v0"], ["seed_books", BOOKS, "-v0"]):
            done = manage(url, *arguments)
            assert done.returncode == 0, done.stderr
        yield url, next(urls), storage, mail, add_readers(url)


@pytest.fixture
def machines(services, tmp_path):
    """A library for each machine: the same services, and a folder with a copy of this step that is its own."""
    url, broker, (variables, _), (mail_server, mails), sessions = services
    mails.clear()
    libraries = []
    for name in ("web", "one", "other"):
        shutil.copytree(STEP, tmp_path / name / "code", ignore=shutil.ignore_patterns("__pycache__", ".*", "data"))
        library = Library(url, tmp_path / name, mail_server=mail_server, mail_limit=1, sessions=sessions)
        libraries.append(with_celery(library, broker, **variables))
    return libraries


def site(web):
    log = web.folder / "gunicorn.log"
    return gunicorn(web.database, log, variables=web.variables, folder=web.folder / "code")


def machine(library):
    return worker(library, folder=library.folder / "code")


def begun(database, export_id):
    """Wait until the export is being written. (The progress is noted each half second, which may be too late.)"""
    sql = "SELECT rows_total > 0 AND state = 'running' FROM exports_export WHERE id = %s"
    wait_for(lambda: database.execute(sql, [export_id]).fetchone()[0], "the export to begin")


def attempts(database, export_id):
    return database.execute("SELECT attempt FROM exports_export WHERE id = %s", [export_id]).fetchone()[0]


@pytest.fixture
def rows(services):
    import psycopg

    with psycopg.connect(services[0], autocommit=True) as connection:
        yield connection


def test_a_machine_that_is_lost_in_mid_export_costs_neither_the_export_nor_a_second_mail(machines, services, rows):
    web, *others = machines
    with site(web) as address, web.reader(address) as reader:
        with machine(others[0]) as one, machine(others[1]) as other:
            export_id = reader.export()
            begun(rows, export_id)
            (lost,) = [each for each in (one, other) if each.said("] received")]
            lost.child().suspend()
            assert reader.state(export_id) == "running"
            lost.kill()
            assert reader.wait_for_end(export_id) == "done"
            assert attempts(rows, export_id) == 2
            assert reader.download(export_id).count(b",979") == BOOKS
            mails = services[3][1]
            wait_for(lambda: mails, "the mail")
            # What comes after it shows that nothing of it comes any more.
            assert reader.wait_for_end(reader.export(q="island")) == "done"
            wait_for(lambda: len(mails) == 2, "the next mail")
    assert [f"/exports/{export_id}/" in mail.get_content() for mail in mails] == [True, False]
    client = services[2][1]
    assert len(client.list_objects_v2(Bucket="exports")["Contents"]) == 2
    assert not any((machine.folder / "data" / "exports").exists() for machine in machines)


def test_a_machine_that_is_retired_finishes_its_export_and_loses_none(machines, rows):
    web, *others = machines
    with site(web) as address, web.reader(address) as reader:
        with machine(others[0]) as retired:
            first = reader.export()
            begun(rows, first)
            retired.process.terminate()
            second = reader.export(q="island")
            retired.process.wait()
            assert (reader.state(first), reader.state(second)) == ("done", "waiting")
        with machine(others[1]):
            assert reader.wait_for_end(second) == "done"
    assert (attempts(rows, first), attempts(rows, second)) == (1, 1)
