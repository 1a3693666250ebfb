"""What is tried again, and what is not. The broker is the one that needs no server."""

import pytest
from aiosmtpd.smtp import SMTP

from tests.exporting import Library, add_readers
from tests.servers import free_port, manage, postgresql, smtp, wait_for
from tests.workers import with_celery, worker

pytestmark = pytest.mark.server


def test_a_storage_that_refuses_is_tried_again_until_it_takes_the_file(library):
    data = library.folder / "data"
    data.mkdir()
    (data / "exports").write_text("a file where the folder of exports should be")
    with with_celery(library, EXPORT_BACKOFF="1").site() as site, worker(library), library.reader(site) as reader:
        export_id = reader.export(genre="novel")
        told = "failed. The next one follows by itself."
        wait_for(lambda: told in reader.get(f"/exports/{export_id}/").text, "a failed attempt")
        (data / "exports").unlink()
        assert reader.wait_for_end(export_id) == "done"
    row = library.row(export_id)
    assert row["attempt"] > 1
    assert [file.name for file in library.files()] == [row["file"]]


def test_a_storage_that_goes_on_refusing_is_given_up_after_five_attempts_and_a_bad_request_after_one(library):
    (library.folder / "data").mkdir()
    (library.folder / "data" / "exports").write_text("a file where the folder of exports should be")
    with with_celery(library).site() as site, library.reader(site) as reader:
        storage, bad = reader.export(), reader.export(genre="novel")
        # As an older version of the form may have left it in the queue.
        library.change(
            'UPDATE exports_export SET filters = \'{"genre": "cookery"}\' WHERE id = ?', bad.replace("-", "")
        )
        with worker(library) as celery:
            assert [reader.wait_for_end(export_id) for export_id in (storage, bad)] == ["failed", "failed"]
        rows = [library.row(export_id) for export_id in (storage, bad)]
        assert [(row["attempt"], row["error"]) for row in rows] == [
            (5, "The file could not be stored: refused."),
            (1, "These filters cannot be used (any more)."),
        ]
    assert celery.said("] received") == 6


@pytest.mark.services
def test_a_database_that_is_away_in_mid_export_costs_an_attempt_and_not_the_export(tmp_path, django_db_blocker):
    import psycopg

    with postgresql() as url, psycopg.connect(url.replace("/postgres", "/template1"), autocommit=True) as other:
        for arguments in (["migrate", "-v0"], ["seed_books", "200000", "-v0"]):
            assert manage(url, *arguments).returncode == 0
        library = Library(url, tmp_path, django_db_blocker.unblock, mail_limit=1, sessions=add_readers(url))
        with with_celery(library).site() as site, worker(library) as celery, library.reader(site) as reader:
            child = celery.child()
            export_id = reader.export()
            with psycopg.connect(url, autocommit=True) as connection:
                total = "SELECT rows_total FROM exports_export"
                wait_for(lambda: connection.execute(total).fetchone()[0], "the export to run")
                child.suspend()
            other.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS false")
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'")
            child.resume()
            wait_for(lambda: celery.said("Retry in"), "the worker to give up for now")
            other.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS true")
            assert reader.wait_for_end(export_id) == "done"
            assert reader.download(export_id).count(b",979") == 200_000
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT attempt FROM exports_export").fetchall() == [(2,)]


def test_a_mail_server_that_is_away_is_asked_again_and_the_mail_goes_once(library):
    port = free_port()
    library.mail_server = f"smtp://127.0.0.1:{port}"
    with with_celery(library, EXPORT_BACKOFF="1").site() as site, worker(library) as celery:
        with library.reader(site) as reader:
            export_id = reader.export(genre="novel")
            assert reader.wait_for_end(export_id) == "done"
            wait_for(lambda: celery.said("] received") > 1, "another try to send it")
            assert "is on its way" in reader.get(f"/exports/{export_id}/").text
            with smtp(port=port) as (_, mails):
                wait_for(lambda: library.row(export_id)["mail_sent_at"], "the mail")
                assert reader.wait_for_end(reader.export()) == "done"
                wait_for(lambda: len(mails) == 2, "another mail")
    assert [mail["Message-ID"] for mail in mails].count(f"<export-{export_id}@127.0.0.1>") == 1
    assert library.row(export_id)["attempt"] == 1


@pytest.mark.parametrize(
    "answer, tries, sent",
    [("450 4.2.1 Mailbox busy", 2, True), ("550 5.1.1 No such user", 1, False)],
    ids=["for now", "for ever"],
)
def test_a_mail_that_is_refused_for_now_is_sent_again_and_one_that_is_refused_for_ever_is_not(
    library, monkeypatch, answer, tries, sent
):
    answers = [answer]

    async def rcpt(server, argument, ours=SMTP.smtp_RCPT):
        await (server.push(answers.pop()) if answers else ours(server, argument))

    monkeypatch.setattr(SMTP, "smtp_RCPT", rcpt)
    with smtp() as (library.mail_server, mails), with_celery(library).site() as site, worker(library) as celery:
        with library.reader(site) as reader:
            export_id = reader.export(genre="novel")
            row = wait_for(lambda: told(library.row(export_id)), "the mail")
    assert (bool(row["mail_sent_at"]), bool(row["mail_error"]), len(mails)) == (sent, not sent, int(sent))
    assert celery.said("] received") == tries


def told(row):
    return (row["mail_sent_at"] or row["mail_error"]) and row
