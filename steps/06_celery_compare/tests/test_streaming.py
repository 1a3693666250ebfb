"""The response starts while the table is read. Its memory is constant, and the timeouts of step 02 don't end it."""

import pytest

from tests.servers import gunicorn, nginx, peak_memory
from tests.streams import DOWNLOAD, first_and_last_byte, killed_workers, read_slowly, shipped_nginx_conf, unbuffered

pytestmark = [
    pytest.mark.server,
    pytest.mark.covers("library/book_csv.py", "library/views.py", "gunicorn.conf.py", "nginx.conf"),
]

SMALL = DOWNLOAD + "?published_from=2025-07-01&published_to=2025-12-31"


@pytest.fixture(scope="module")
def downloads(large_database, tmp_path_factory):
    """First byte and last byte (seconds), and peak memory of the worker (bytes), of a small and a large download."""
    with gunicorn(large_database, tmp_path_factory.mktemp("downloads") / "gunicorn.log") as site:
        site.get("/books/")  # the worker has imported everything
        return measure(site, SMALL), measure(site, DOWNLOAD)


def measure(site, download):
    (worker,) = site.process.children()
    with peak_memory(worker) as peak:
        first, last = first_and_last_byte(site, download)
    return first, last, peak[0]


def test_the_first_books_arrive_long_before_the_last(downloads):
    small, (first, last, peak) = downloads
    assert first / last < 0.2


def test_the_memory_of_the_worker_does_not_grow_with_the_number_of_books(downloads):
    (*_, small), (*_, large) = downloads
    assert large / small < 1.2


def test_the_timeouts_that_ended_step_02_do_not_end_the_stream(large_database, last_isbn, tmp_path):
    """The download takes longer than the timeouts of gunicorn and nginx."""
    server = unbuffered(shipped_nginx_conf()).replace("proxy_read_timeout 60s", "proxy_read_timeout 2s")
    with gunicorn(large_database, tmp_path / "gunicorn.log", "--timeout=2") as upstream:
        upstream.get("/books/")  # the worker has imported everything
        with nginx(upstream, tmp_path / "nginx", server) as site, site.open(DOWNLOAD) as response:
            assert response.status == 200
            assert last_isbn in read_slowly(response, seconds=5)
        assert killed_workers(upstream) == 0
