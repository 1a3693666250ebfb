"""What an export with a record doesn't survive. Later steps retire these traps."""

import pytest

from tests.exporting import NEW, logged_in, posix, post, request_export, silent_smtp

pytestmark = [pytest.mark.server, posix, pytest.mark.covers("exports", "tests/exporting.py", "gunicorn.conf.py")]


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
