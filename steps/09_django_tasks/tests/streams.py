"""What the tests of streams share: where the download is, how to time it, the shipped nginx.conf."""

import time

from tests.servers import STEP, wait_for

DOWNLOAD = "/books/download/"


def shipped_nginx_conf():
    """The step's own nginx.conf, on the test's ports."""
    server = (STEP / "nginx.conf").read_text()
    for shipped, here in (("listen 80;", "listen 127.0.0.1:{port};"), ("127.0.0.1:8000", "127.0.0.1:{upstream}")):
        assert shipped in server
        server = server.replace(shipped, here)
    return server


def warm_up(site):
    """Until a worker has imported all it needs; an impatient server may end the first that tries."""
    wait_for(lambda: site.get("/books/")[0] == 200, "a page")


def first_and_last_byte(site):
    """Seconds until the first books of the download are here, and until the last are."""
    started = time.monotonic()
    with site.open(DOWNLOAD) as response:
        assert response.status == 200
        response.read(1_000)  # the header, which costs nothing, has 59
        first = time.monotonic() - started
        while response.read(1_000_000):
            pass
    return first, time.monotonic() - started
