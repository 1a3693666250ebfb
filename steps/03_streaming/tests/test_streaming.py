"""The file leaves while the table is read: at once, in flat memory, past every patient proxy."""

import pytest

from tests.servers import gunicorn, nginx, peak_memory
from tests.streams import DOWNLOAD, first_and_last_byte, shipped_nginx_conf

pytestmark = pytest.mark.server


def test_the_first_bytes_come_long_before_the_last(large_database, tmp_path):
    with gunicorn(large_database, tmp_path / "gunicorn.log") as site:
        site.get("/books/")
        first, last = first_and_last_byte(site)
        assert first / last < 0.2


def test_the_memory_of_the_worker_is_the_same_for_any_table(database, large_database, tmp_path):
    small, large = (memory_for_download(each, tmp_path / "gunicorn.log") for each in (database, large_database))
    assert large / small < 1.2


def test_the_nginx_that_gave_up_on_step_02_passes_the_stream_on(large_database, tmp_path):
    server = shipped_nginx_conf().replace("proxy_read_timeout 60s", "proxy_read_timeout 1s")
    with gunicorn(large_database, tmp_path / "gunicorn.log") as upstream:
        with nginx(upstream, tmp_path / "nginx", server) as site:
            first, last = first_and_last_byte(site)
            assert last > 1  # longer than nginx waits for one piece


def memory_for_download(database, log):
    """The most bytes that the worker holds during a download."""
    with gunicorn(database, log) as site:
        (worker,) = site.process.children()
        with peak_memory(worker) as peak, site.open(DOWNLOAD) as response:
            assert response.status == 200
            while response.read(1_000_000):
                pass
        return peak[0]
