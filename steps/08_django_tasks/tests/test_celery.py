"""The export as a Celery task, with the broker that needs no server."""

import base64
import json
import socket

import pytest

from tests.exporting import logged_in, request_export, silent_smtp, wait_for_jobs
from tests.servers import free_port, smtp, wait_for
from tests.workers import worker

pytestmark = [
    pytest.mark.server,
    pytest.mark.covers("exports", "config/celery.py", "config/settings.py", "tests/exporting.py", "tests/workers.py"),
]


@pytest.fixture
def celery_library(library):
    library.variables["EXPORT_RUNNER"] = "celery"
    return library


def test_a_task_waits_in_the_queue_until_a_worker_runs_it(celery_library):
    with smtp() as (url, emails):
        celery_library.variables["EMAIL_URL"] = url
        with celery_library.site() as site, logged_in(site) as client:
            export_id = request_export(client, "?genre=novel")
            (message,) = [path for path in (celery_library.folder / "data" / "broker").iterdir() if path.is_file()]
            arguments, *_ = json.loads(base64.b64decode(json.loads(message.read_text())["body"]))
            assert arguments == ["exports.tasks.run_export", [export_id], {}]
            assert celery_library.export(export_id)["state"] == "waiting"
            with worker(celery_library):
                (email,) = wait_for(lambda: emails, "the email")
            (attachment,) = email.iter_attachments()
            assert attachment.get_content() == client.get("/books/download/?genre=novel").content
    assert celery_library.processes() == []  # no process was started for it


def test_a_worker_runs_as_many_exports_at_a_time_as_it_has_children(celery_library):
    with silent_smtp() as (url, connections):
        celery_library.variables["EMAIL_URL"] = url
        with celery_library.site() as site, logged_in(site) as client, worker(celery_library) as celery:
            for genre in ("novel", "poetry", "crime"):
                request_export(client, f"?genre={genre}")
            for number in range(3):
                wait_for_jobs(connections, number + 1)
                assert len(connections) == number + 1
                connections[number].shutdown(socket.SHUT_RDWR)  # this job fails, and the next can start
                connections[number].close()
            assert celery.received() == 3


@pytest.mark.parametrize(
    "broker", ["redis://127.0.0.1:{port}/0", pytest.param("amqp://127.0.0.1:{port}//", marks=pytest.mark.slow)]
)
def test_without_a_broker_the_export_has_failed(celery_library, broker):
    celery_library.variables["CELERY_BROKER_URL"] = broker.format(port=free_port())
    with celery_library.site() as site, logged_in(site) as client:
        row = celery_library.export(request_export(client))
        assert (row["state"], row["error"][:34]) == ("failed", "The export could not be started. P")
        assert "OperationalError" in site.log.read_text()


def test_a_redis_that_does_not_answer_does_not_hold_the_request(celery_library):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        celery_library.variables["CELERY_BROKER_URL"] = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        with celery_library.site("--timeout=60") as site, logged_in(site) as client:
            client.timeout = 30  # without socket timeouts, it would wait forever
            assert celery_library.export(request_export(client))["state"] == "failed"


def test_a_runner_that_does_not_exist_is_one_sentence(library):
    library.variables["EXPORT_RUNNER"] = "horses"
    done = library.manage("check")
    assert done.returncode != 0
    assert done.stderr.strip().endswith("EXPORT_RUNNER must be one of database, subprocess, celery, not 'horses'.")


def test_trap_a_file_on_the_workers_disk_is_a_404_on_another_machine(celery_library, tmp_path):
    with celery_library.site() as site, logged_in(site) as client:
        broker = celery_library.folder / "data" / "broker"
        other = tmp_path / "other machine"  # another disk, but the same queue
        other.mkdir()
        (other / "broker").symlink_to(broker)
        celery_library.variables["DATA_DIR"] = str(other)
        with worker(celery_library):
            export_id = request_export(client)
            celery_library.wait_for_state(export_id, "done")
        assert client.get(f"/exports/{export_id}/download/").status_code == 404
        assert len(list((other / "files" / "exports").iterdir())) == 1
