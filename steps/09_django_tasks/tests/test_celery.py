"""An export that goes through Celery, with the broker that needs no server."""

import base64
import json
import re
import socket

import pytest

from tests.servers import free_port, smtp, wait_for
from tests.workers import with_celery, worker

pytestmark = pytest.mark.server


def test_an_export_waits_in_the_queue_for_a_worker_that_makes_and_mails_it(library, tmp_path):
    with smtp() as (library.mail_server, mails), with_celery(library).site() as site, library.reader(site) as reader:
        export_id = reader.export(genre="novel")
        assert reader.state(export_id) == "waiting"
        (message,) = [path for path in (library.folder / "data" / "broker").iterdir() if path.is_file()]
        body = base64.b64decode(json.loads(message.read_text())["body"]).decode()
        assert export_id in body and "novel" not in body  # the id and no more
        with worker(library):
            assert reader.wait_for_end(export_id) == "done"
            wait_for(lambda: library.row(export_id)["mail_sent_at"], "its mail")
        library.manage("export_books", "-v0", "--genre=novel", "-o", tmp_path / "expected.csv")
        assert reader.download(export_id) == (tmp_path / "expected.csv").read_bytes()
    assert len(mails) == 1
    assert library.row(export_id)["attempt"] == 1
    assert library.processes() == []  # nothing was spawned


def test_it_is_put_into_the_queue_after_the_transaction_of_the_request(library):
    with with_celery(library).site(settings="tests.settings_atomic") as site, worker(library) as celery:
        with library.reader(site) as reader:
            exports = [reader.export(genre=genre) for genre in ("novel", "poetry", "history")]
            assert [reader.wait_for_end(export_id) for export_id in exports] == ["done"] * 3
    assert celery.said("is not in this database") == 0


def test_an_export_that_is_deleted_before_its_turn_does_no_harm(library):
    with with_celery(library).site() as site, library.reader(site) as reader:
        deleted, export_id = reader.export(), reader.export(genre="novel")
        library.change("DELETE FROM exports_export WHERE id = ?", deleted.replace("-", ""))
        with worker(library) as celery:
            assert reader.wait_for_end(export_id) == "done"
        assert celery.said("is not in this database") == 1
        assert celery.said("Traceback") == 0


@pytest.mark.parametrize("broker", ["amqp://127.0.0.1:{port}//", "redis://127.0.0.1:{port}/0"])
def test_without_a_broker_the_export_has_failed_and_its_page_says_so(library, broker):
    with with_celery(library, broker.format(port=free_port())).site() as site, library.reader(site) as reader:
        export_id = reader.export()
        assert reader.state(export_id) == "failed"
        page = reader.get(f"/exports/{export_id}/").text
        assert "The export could not be started. Please try again later." in page and "No mail was sent" in page


def test_a_broker_that_says_nothing_is_not_waited_for_without_end(library):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        broker = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with with_celery(library, broker).site() as site, library.reader(site) as reader:
            assert reader.state(reader.export()) == "failed"


@pytest.mark.parametrize("name, value", [("CELERY_BROKER_URL", "http://x"), ("EXPORT_LEASE", "0")])
def test_a_wrong_variable_is_one_sentence(library, name, value):
    assert library.manage("check").returncode == 0
    done = library.manage("check", variables={name: value})
    assert done.returncode != 0 and f"{name} must be" in done.stderr.splitlines()[-1]


def test_a_runner_that_does_not_exist_is_one_sentence(library):
    assert library.manage("check", variables={"EXPORT_RUNNER": "celery"}).returncode == 0
    done = library.manage("check", variables={"EXPORT_RUNNER": "horses"})
    assert done.returncode != 0
    assert re.search(r"EXPORT_RUNNER must be one of .*spawn.*, not 'horses'\.$", done.stderr.strip())


def test_a_worker_that_is_told_to_stop_finishes_what_it_has_begun_and_leaves_the_rest_in_the_queue(large_library):
    with with_celery(large_library).site() as site, large_library.reader(site) as reader:
        with worker(large_library) as old:
            first = reader.export()
            wait_for(lambda: large_library.row(first)["rows_done"], "the first books")
            second = reader.export(genre="novel")
            old.process.terminate()
            old.process.wait()
            assert reader.state(first) == "done"
            # As this broker asks the file system now and then, it may also have begun the second.
            assert reader.state(second) in ("waiting", "done")
            assert large_library.row(first)["attempt"] == 1
        with worker(large_library):
            assert reader.wait_for_end(second) == "done"


def test_an_export_that_takes_too_long_is_ended(large_library):
    with with_celery(large_library, EXPORT_TIME_LIMIT="1").site() as site, large_library.reader(site) as reader:
        with worker(large_library):
            export_id = reader.export()
            assert reader.wait_for_end(export_id) == "failed"
            assert "The export took too long." in reader.get(f"/exports/{export_id}/").text
            quick = reader.export(published_from="2999-01-01")
            assert reader.wait_for_end(quick) == "done"
    assert len(large_library.files()) == 1
    assert not list((large_library.folder / "data" / "unfinished").iterdir())


def test_the_site_answers_while_its_queue_is_full(library):
    """Forty exports at once, each of other books: forty right files, none twice."""
    with with_celery(library).site() as site, worker(library, concurrency=2), library.reader(site) as reader:
        wanted = {reader.export(published_to=f"{year}-12-31"): year for year in range(1985, 2025)}
        seen = set()

        def all_done():
            assert site.get("/books/")[0] == 200
            rows = library.change("SELECT state, count(*) FROM exports_export GROUP BY state")
            seen.update(state for state, _ in rows)
            return dict(rows).get("done") == 40

        wait_for(all_done, "all forty", seconds=120)
        assert "waiting" in seen
    for export_id, year in wanted.items():
        row = library.row(export_id)
        ((books,),) = library.change("SELECT count(*) FROM library_book WHERE published_on <= ?", f"{year}-12-31")
        file = library.folder / "data" / "exports" / row["file"]
        assert (row["attempt"], row["rows_done"], file.read_bytes().count(b",979")) == (1, books, books)
    assert len(library.files()) == 40
