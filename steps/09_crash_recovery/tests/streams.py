"""Helpers for the tests of streams."""

import time
from contextlib import contextmanager

from tests.servers import STEP, wait_for

DOWNLOAD = "/books/download/"


def shipped_nginx_conf():
    """Return this step's nginx.conf with the test's ports."""
    server = (STEP / "nginx.conf").read_text()
    for shipped, here in (("listen 80;", "listen 127.0.0.1:{port};"), ("127.0.0.1:8000", "127.0.0.1:{upstream}")):
        assert shipped in server
        server = server.replace(shipped, here)
    return server


def warm_up(site):
    """Wait until a worker has imported everything. A short timeout can end the first workers."""
    wait_for(lambda: site.get("/books/")[0] == 200, "a page")


def unbuffered(server):
    """Return the configuration of an nginx that reads no faster from gunicorn than the client reads from nginx."""
    assert "location / {" in server
    return server.replace("location / {", "location / {\n        proxy_buffering off;")


def killed_workers(site):
    """Return how many workers gunicorn has killed because of its timeout."""
    return site.log.read_text().count("WORKER TIMEOUT")


@contextmanager
def download_until_the_timeout(site, upstream):
    """Start the download, and read nothing until gunicorn has killed the worker, which waits for the client."""
    before = killed_workers(upstream)
    with site.open(DOWNLOAD) as response:
        wait_for(lambda: killed_workers(upstream) > before, "a killed worker")
        yield response


def read_slowly(response, seconds):
    """Return the whole response. Like a client with a slow network, take at least this long."""
    body, until = b"", time.monotonic() + seconds
    while time.monotonic() < until:
        body += response.read(100_000)
        time.sleep(0.05)
    return body + response.read()


def first_and_last_byte(site, download=DOWNLOAD):
    """Return the seconds until the first books of the download arrive, and until the last ones do."""
    started = time.monotonic()
    with site.open(download) as response:
        assert response.status == 200
        response.read(1_000)  # the header alone has 59
        first = time.monotonic() - started
        while response.read(1_000_000):
            pass
    return first, time.monotonic() - started
