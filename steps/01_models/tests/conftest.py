"""What the tests of this step share."""

import pytest

from tests.servers import make_database


@pytest.fixture(scope="session")
def database(tmp_path_factory):
    """A SQLite file with 20,000 seeded books, for tests that only read them."""
    return make_database(tmp_path_factory.mktemp("database") / "library.sqlite3", books=20_000)
