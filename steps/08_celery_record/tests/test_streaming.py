"""The file leaves while the table is read: at once, in flat memory, past every patient proxy."""

import pytest

from tests.servers import gunicorn, nginx, peak_memory
from tests.streams import first_and_last_byte, shipped_nginx_conf

pytestmark = [
    pytest.mark.server,
    pytest.mark.covers("library/book_csv.py", "library/views.py", "gunicorn.conf.py", "nginx.conf"),
]


@pytest.fixture(scope="module")
def downloads(database, large_database, tmp_path_factory):
    """For the small and for the large table: first byte and last byte (seconds), peak memory (bytes)."""
    log = tmp_path_factory.mktemp("downloads") / "gunicorn.log"
    return measure(database, log), measure(large_database, log)


def measure(database, log):
    with gunicorn(database, log) as site:
        site.get("/books/")  # the worker has imported all it needs
        (worker,) = site.process.children()
        with peak_memory(worker) as peak:
            first, last = first_and_last_byte(site)
        return first, last, peak[0]


def test_the_first_books_come_long_before_the_last(downloads):
    small, (first, last, peak) = downloads
    assert first / last < 0.2


def test_the_memory_of_the_worker_is_the_same_for_any_table(downloads):
    (*_, small), (*_, large) = downloads
    assert large / small < 1.2


def test_the_clocks_that_gave_up_on_step_02_let_the_stream_pass(large_database, last_isbn, tmp_path):
    """With the step's own worker and its own nginx.conf, both with a time-out shorter than the download."""
    server = shipped_nginx_conf().replace("proxy_read_timeout 60s", "proxy_read_timeout 2s")
    with gunicorn(large_database, tmp_path / "gunicorn.log", "--timeout=2") as upstream:
        upstream.get("/books/")  # the worker has imported all it needs
        with nginx(upstream, tmp_path / "nginx", server) as site:
            status, body = site.get("/books/download/")
            assert status == 200 and last_isbn in body
            assert "WORKER TIMEOUT" not in upstream.log.read_text()
