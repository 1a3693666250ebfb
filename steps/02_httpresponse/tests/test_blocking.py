"""The timeouts that end one long response, and its memory. Step 03 retires these tests."""

import re

import pytest

from tests.databases import seeded
from tests.servers import gunicorn, nginx, peak_memory, wait_for

pytestmark = pytest.mark.server

DOWNLOAD = "/books/download/"
SMALL = DOWNLOAD + "?published_from=2025-07-01&published_to=2025-12-31"  # quick, however large the table is
SHORT_TIMEOUT = ("--worker-class=sync", "--timeout=1")


def warm_up(site):
    """Wait until a worker has imported everything. A short timeout can end the first workers."""
    wait_for(lambda: site.get("/books/")[0] == 200, "a page")


def test_gunicorn_kills_the_worker_when_the_download_takes_too_long(large_database, tmp_path):
    with gunicorn(large_database, tmp_path / "gunicorn.log", *SHORT_TIMEOUT) as site:
        warm_up(site)
        status, body = site.get(SMALL)
        assert status == 200 and body.count(b"\r\n") > 100
        status, body = site.get(DOWNLOAD)
        assert status == 500 and b",9799" not in body
        assert "WORKER TIMEOUT" in site.log.read_text()
        warm_up(site)  # gunicorn has started a new worker


def test_a_longer_timeout_only_helps_until_the_table_has_grown(large_database, tmp_path):
    with gunicorn(seeded(500), tmp_path / "small.log", *SHORT_TIMEOUT) as site:
        warm_up(site)
        assert site.get(DOWNLOAD)[0] == 200
    with gunicorn(large_database, tmp_path / "grown.log", *SHORT_TIMEOUT) as site:
        assert site.get(DOWNLOAD)[0] == 500  # the same request, when the table has grown
    with gunicorn(large_database, tmp_path / "raised.log", "--worker-class=sync", "--timeout=60") as site:
        assert site.get(DOWNLOAD)[0] == 200  # until the table has grown again


NGINX_WITH_SHORT_TIMEOUT = """
server {
    listen 127.0.0.1:{port};
    location / { proxy_pass http://127.0.0.1:{upstream}; proxy_read_timeout 1s; }
}
"""


def test_nginx_returns_504_and_the_view_still_runs_to_its_end(large_database, tmp_path):
    with gunicorn(large_database, tmp_path / "gunicorn.log", "--timeout=0") as upstream:
        warm_up(upstream)
        with nginx(upstream, tmp_path / "nginx", NGINX_WITH_SHORT_TIMEOUT) as site:
            assert site.get(SMALL)[0] == 200
            assert site.get(DOWNLOAD)[0] == 504  # the view hasn't answered yet
            finished = re.compile(f'"GET {DOWNLOAD} HTTP/1.." 200')
            wait_for(lambda: finished.search(upstream.log.read_text()), "the view to finish")


def test_the_memory_of_the_worker_grows_with_the_number_of_books(database, tmp_path):
    five_times = seeded(100_000)
    small, large = (memory_for_download(each, tmp_path / "gunicorn.log") for each in (database, five_times))
    assert large / small > 2.5


def memory_for_download(database, log):
    """Return the most bytes that a download needs, in addition to what the worker has before it."""
    with gunicorn(database, log, "--timeout=0") as site:
        site.get("/books/")
        (worker,) = site.process.children()
        before = worker.memory_info().rss
        with peak_memory(worker) as peak:
            for _ in range(2):  # so short a peak can be overlooked
                assert site.get(DOWNLOAD)[0] == 200
        return peak[0] - before
