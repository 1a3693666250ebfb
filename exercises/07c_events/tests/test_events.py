"""Exercise 07c: progress over server-sent events, from a real uvicorn."""

import json
import sys
import threading
from contextlib import contextmanager

import httpx
import pytest

from tests.servers import Site, answers, environment, free_port, process, wait_for

pytestmark = pytest.mark.server


@contextmanager
def uvicorn(library):
    port, log = free_port(), library.folder / "uvicorn.log"
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", f"--port={port}"]
    env = {**environment(library.database), **library.variables}
    with log.open("wb") as output, process(command, env=env, stdout=output, stderr=output) as started:

        def listens():
            assert started.poll() is None, log.read_text()
            return answers(port)

        wait_for(listens, "uvicorn")
        with library.ending():
            yield Site(port, log, started)


def events(site, reader, export_id):
    """The events of the export's stream, as they come, to its end."""
    address = f"http://127.0.0.1:{site.port}/exports/{export_id}/events/"
    with httpx.stream("GET", address, cookies=reader.http.cookies, timeout=60) as response:
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield from (json.loads(line.removeprefix("data: ")) for line in response.iter_lines() if line)


def last_event(site, reader, export_id):
    return list(events(site, reader, export_id))[-1]


def test_the_events_lead_to_the_end(library):
    (export_id,) = library.new_exports()
    with uvicorn(library) as site, library.reader(site) as reader:
        stream = events(site, reader, export_id)
        told = [next(stream)]
        assert library.manage("run_export", export_id).returncode == 0
        told += stream
    assert told[0]["state"] == "waiting"
    assert told[-1] == {"state": "done", "done": 20_000, "total": 20_000}
    assert len({json.dumps(event) for event in told}) == len(told)


def test_another_reader_gets_a_404(library):
    with uvicorn(library) as site, library.reader(site) as reader, library.reader(site, "other") as other:
        export_id = reader.export(genre="novel")
        assert last_event(site, reader, export_id)["state"] == "done"
        assert other.get(f"/exports/{export_id}/events/").status_code == 404


def test_twenty_listen_at_once(library):
    """None of them is served by a thread of its own: all see the end, which comes after all have begun."""
    (export_id,) = library.new_exports()
    with uvicorn(library) as site, library.reader(site) as reader:
        ends = []
        listeners = [
            threading.Thread(target=lambda: ends.append(last_event(site, reader, export_id))) for _ in range(20)
        ]
        for listener in listeners:
            listener.start()
        wait_for(lambda: site.log.read_text().count("/events/") == 20 or ends, "all to listen")
        assert library.manage("run_export", export_id).returncode == 0
        for listener in listeners:
            listener.join(timeout=30)
    assert [end["state"] for end in ends] == ["done"] * 20
