"""Requests at the same moment: the constraint and the locks decide, and not which request was faster."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.exporting import NEW, Library, logged_in, post

pytestmark = [pytest.mark.server, pytest.mark.covers("exports", "backends/base.py", "config/settings.py")]
COUNT = "SELECT count(*) AS exports FROM exports_export"

# Each INSERT takes a while, so others can count the exports in the meantime.
SLOW = """
CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END';
CREATE OR REPLACE TRIGGER slow BEFORE INSERT ON exports_export FOR EACH ROW EXECUTE FUNCTION slow();
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def shared(request, tmp_path):
    """Yield a library whose exports are never started, and a function that runs SQL."""
    if request.param == "sqlite":
        library = request.getfixturevalue("library")
        yield library, lambda sql: [tuple(row.values()) for row in library.sql(sql)]
    else:
        url = request.getfixturevalue("postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("TRUNCATE exports_export CASCADE")
            connection.execute(SLOW)
            yield Library(url, tmp_path), lambda sql: connection.execute(sql).fetchall()


def eight_posts(client, path):
    """Send eight requests at the same moment. `path` is a function of the number of the request."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda number: post(client, path(number)), range(8)))


def site_of(library):
    return library.site("--threads=8", settings="tests.settings_start_nothing")


def test_the_same_request_eight_times_is_one_export(shared):
    library, sql = shared
    with site_of(library) as site, logged_in(site) as client:
        for genre in ("novel", "poetry", "crime"):
            answers = eight_posts(client, lambda number, genre=genre: f"{NEW}?genre={genre}")
            assert [answer.status_code for answer in answers] == [302] * 8
            assert len({answer.headers["Location"] for answer in answers}) == 1
        assert sql(COUNT) == [(3,)]
        with logged_in(site, "other") as other:  # another user gets a separate export
            assert post(other, f"{NEW}?genre=novel").status_code == 302
        assert sql(COUNT) == [(4,)]


def test_only_one_of_eight_requests_starts_an_export_if_only_one_can_run(shared):
    library, sql = shared
    library.variables["EXPORT_MAX_RUNNING"] = "1"
    with site_of(library) as site, logged_in(site) as client, logged_in(site, "other") as other:
        clients = [client, other] * 4  # the lock on the row of a user isn't enough here
        with ThreadPoolExecutor(8) as pool:
            paths = [f"{NEW}?published_to={2000 + number}-12-31" for number in range(8)]
            answers = list(pool.map(post, clients, paths))
        refused = [answer for answer in answers if answer.status_code == 503]
        assert sorted(answer.status_code for answer in answers) == [302] + [503] * 7
        assert {answer.headers["Retry-After"] for answer in refused} == {"60"}
        assert all("The server is busy. Please try again in a minute." in answer.text for answer in refused)
        assert sql(COUNT) == [(1,)]
        sql("UPDATE exports_export SET state = 'done' RETURNING id")
        assert post(client, f"{NEW}?genre=novel").status_code == 302


def test_a_user_does_not_get_more_than_the_quota_by_asking_eight_times_at_once(shared):
    library, sql = shared
    library.variables["EXPORT_QUOTA"] = "3"
    with site_of(library) as site, logged_in(site) as client:
        answers = eight_posts(client, lambda number: f"{NEW}?published_to={2000 + number}-12-31")
        assert sorted(answer.status_code for answer in answers) == [302] * 3 + [429] * 5
        assert sql(COUNT) == [(3,)]
