"""What an export with a record doesn't survive. Later steps retire these traps."""

import pytest

from tests.exporting import NEW, logged_in, posix, post, request_export, silent_smtp, wait_for_jobs
from tests.servers import smtp, wait_for

pytestmark = [pytest.mark.server, posix, pytest.mark.covers("exports", "tests/exporting.py", "gunicorn.conf.py")]


def test_trap_after_kill_9_an_export_is_running_forever(large_library):
    with large_library.site() as site, logged_in(site) as client:
        export_id = request_export(client)
        wait_for(lambda: large_library.export(export_id)["rows_done"], "the first books")
        (job,) = large_library.processes()
        job.kill()
        wait_for(lambda: not large_library.processes(), "the process to end")
        assert large_library.export(export_id)["state"] == "running"
        again = large_library.manage(
            "run_task", "exports.tasks.run_export", f'[["{export_id}"], {{}}]'
        )  # this doesn't help
        assert "isn't waiting" in again.stderr
        assert large_library.export(export_id)["state"] == "running"
        (left,) = (path for path in large_library.files() if path.suffix == ".csv")
        assert left.parent.name.startswith("export-")  # the unfinished file stays in the temporary folder


def test_trap_a_process_that_dies_before_its_claim_leaves_the_export_waiting_forever(library):
    with library.site() as site, logged_in(site) as client:
        export_id = request_export(client)
        (process,) = wait_for(library.processes, "the process")
        process.kill()
        wait_for(lambda: not library.processes(), "the process to end")
        assert library.export(export_id)["state"] == "waiting"


def test_trap_a_process_that_dies_at_its_email_leaves_it_being_sent_forever(library):
    with silent_smtp() as (url, connections):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            export_id = request_export(client)
            wait_for_jobs(connections)
            (job,) = library.processes()
            job.kill()
            wait_for(lambda: not library.processes(), "the process to end")
            assert library.export(export_id)["state"] == "done"  # the file is there
            assert "is being sent" in client.get(f"/exports/{export_id}/").text


def test_trap_a_mail_server_that_accepts_less_than_our_limit_gets_no_link(library):
    with smtp(size_limit=20_000) as (url, emails):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            export_id = request_export(client)
            wait_for(lambda: "could not be sent" in client.get(f"/exports/{export_id}/").text, "the error")
            assert client.get(f"/exports/{export_id}/download/").status_code == 200
            assert emails == []


def test_trap_a_double_click_is_two_exports(library):
    with library.site() as site, logged_in(site) as client:
        first, second = (post(client, NEW).headers["Location"] for _ in range(2))
        assert first != second


def test_trap_twenty_requests_are_twenty_processes(library):
    with silent_smtp() as (url, _):
        library.variables["EMAIL_URL"] = url
        with library.site() as site, logged_in(site) as client:
            for _ in range(20):
                request_export(client)
            assert len(library.processes()) == 20  # none can end, because the mail server is silent
