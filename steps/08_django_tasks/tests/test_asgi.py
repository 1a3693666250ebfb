"""Under ASGI a synchronous generator doesn't stream."""

import sys

import pytest

from tests.databases import seeded
from tests.servers import Site, answers, environment, free_port, process, wait_for
from tests.streams import first_and_last_byte

pytestmark = [pytest.mark.server, pytest.mark.covers("library/book_csv.py", "library/views.py", "gunicorn.conf.py")]


def test_trap_under_asgi_the_first_byte_arrives_with_the_last(tmp_path):
    port, log = free_port(), tmp_path / "uvicorn.log"
    command = [sys.executable, "-m", "uvicorn", "--factory", "django.core.asgi:get_asgi_application", f"--port={port}"]
    with (
        log.open("wb") as output,
        process(command, env=environment(seeded(150_000)), stdout=output, stderr=output) as started,
    ):
        wait_for(lambda: answers(port), "uvicorn")
        first, last = first_and_last_byte(Site(port, log, started))
        assert first / last > 0.5
        assert "StreamingHttpResponse must consume synchronous iterators" in log.read_text()
