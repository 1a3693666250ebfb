"""PostgreSQL accepts values that Python can't read. The constraints of step 01 refuse them."""

import psycopg
import pytest

from tests.servers import make_database, postgresql


@pytest.fixture(scope="module")
def on_postgresql():
    """The URL of a PostgreSQL database with a few books."""
    with postgresql() as url:
        yield make_database(url, books=30)


@pytest.mark.services
@pytest.mark.covers("library/models.py")
@pytest.mark.parametrize("value", ["published_on = 'infinity'", "published_on = '0044-03-15 BC'", "price = 'NaN'"])
def test_values_that_python_cannot_read_are_refused_by_postgresql(on_postgresql, value):
    with psycopg.connect(on_postgresql) as connection:
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(f"UPDATE library_book SET {value}")
