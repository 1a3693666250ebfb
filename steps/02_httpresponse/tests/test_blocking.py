"""What becomes of one long response: somebody on the way loses patience. Step 03 retires these."""

import re

import pytest

from tests.servers import gunicorn, make_database, nginx, peak_memory, wait_for

pytestmark = pytest.mark.server

DOWNLOAD = "/books/download/"
SMALL = DOWNLOAD + "?published_from=2025-07-01&published_to=2025-12-31"  # quick, however large the table is
IMPATIENT = ("--worker-class=sync", "--timeout=1")


def warm_up(site):
    """Until a worker has imported all it needs; an impatient server may end the first that tries."""
    wait_for(lambda: site.get("/books/")[0] == 200, "a page")


def test_gunicorn_ends_a_long_download_and_lets_a_short_one_pass(large_database, tmp_path):
    with gunicorn(large_database, tmp_path / "gunicorn.log", *IMPATIENT) as site:
        warm_up(site)
        status, body = site.get(SMALL)
        assert status == 200 and body.count(b"\r\n") > 100
        status, body = site.get(DOWNLOAD)
        assert status == 500 and b",9799" not in body
        assert "WORKER TIMEOUT" in site.log.read_text()
        warm_up(site)  # a new worker has taken over


def test_a_longer_timeout_helps_until_the_table_has_grown(database, large_database, tmp_path):
    with gunicorn(database, tmp_path / "small.log", *IMPATIENT) as site:
        warm_up(site)
        assert site.get(DOWNLOAD)[0] == 200
    with gunicorn(large_database, tmp_path / "grown.log", *IMPATIENT) as site:
        assert site.get(DOWNLOAD)[0] == 500  # the same request, some time later
    with gunicorn(large_database, tmp_path / "raised.log", "--worker-class=sync", "--timeout=60") as site:
        assert site.get(DOWNLOAD)[0] == 200  # until it has grown again


IMPATIENT_NGINX = """
server {
    listen 127.0.0.1:{port};
    location / { proxy_pass http://127.0.0.1:{upstream}; proxy_read_timeout 1s; }
}
"""


def test_nginx_gives_up_and_the_view_works_on_for_nobody(large_database, tmp_path):
    with gunicorn(large_database, tmp_path / "gunicorn.log", "--timeout=0") as upstream:
        warm_up(upstream)
        with nginx(upstream, tmp_path / "nginx", IMPATIENT_NGINX) as site:
            assert site.get(SMALL)[0] == 200
            assert site.get(DOWNLOAD)[0] == 504  # the view has not answered yet …
            finished = re.compile(f'"GET {DOWNLOAD} HTTP/1.." 200')
            wait_for(lambda: finished.search(upstream.log.read_text()), "the view to finish")


def test_the_memory_of_the_worker_grows_with_the_table(database, tmp_path):
    four_times = make_database(tmp_path / "library.sqlite3", books=80_000)
    small, large = (memory_for_download(each, tmp_path / "gunicorn.log") for each in (database, four_times))
    assert large / small > 2


def memory_for_download(database, log):
    """The most bytes that a download takes, beyond what the worker holds before it."""
    with gunicorn(database, log, "--timeout=0") as site:
        site.get("/books/")
        (worker,) = site.process.children()
        before = worker.memory_info().rss
        with peak_memory(worker) as peak:
            for _ in range(3):  # so short a peak can be overlooked
                assert site.get(DOWNLOAD)[0] == 200
        return peak[0] - before
