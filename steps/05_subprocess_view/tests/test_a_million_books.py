"""The library works with very many books: seeding them, and looking at any page of them."""

import re
import sys
import time

import pytest

from tests.servers import environment, gunicorn, make_database, peak_memory, process

pytestmark = [
    pytest.mark.server,
    pytest.mark.covers("library/management/commands/seed_books.py", "library/factories.py", "library/models.py"),
]


def seed(database, books):
    """Seed in a process of its own and return the most memory it held."""
    with process([sys.executable, "manage.py", "seed_books", str(books)], env=environment(database)) as seeding:
        with peak_memory(seeding) as peak:
            assert seeding.wait() == 0
    return peak[0]


@pytest.mark.parametrize("books", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_seeding_is_flat_in_memory_and_every_page_costs_the_same(books, tmp_path):
    database = make_database(tmp_path / "library.sqlite3", books=10)
    half = seed(database, books // 2 - 10)
    whole = seed(database, books // 2)
    assert whole / half < 1.2

    with gunicorn(database, tmp_path / "gunicorn.log") as site:
        first, middle, last = (fastest(site, f"/books/?after={after}") for after in (0, books // 2, books - 10))
        assert middle / first < 3
        assert last / first < 3
        status, page = site.get(f"/books/?after={books - 10}")
        assert status == 200
        assert len(re.findall(b'<th scope="row"', page)) == 10
        assert b"10,000+ books" in page
        assert b"10,000+ books" not in site.get("/books/?q=forgotten+tower&published_from=2001-01-01")[1]
        style = re.search(rb'href="(/static/[^"]+\.css)"', page).group(1).decode()
        assert site.get(style)[0] == 200


def fastest(site, path, times=40):
    """The least time in seconds that the page took."""

    def seconds():
        started = time.perf_counter()
        assert site.get(path)[0] == 200
        return time.perf_counter() - started

    return min(seconds() for _ in range(times))
