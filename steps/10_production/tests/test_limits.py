"""What one owner may have at a time, and what the machine takes on."""

import re
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.workers import with_celery

pytestmark = pytest.mark.server


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.services)])
def shared(request):
    """A library, and a way to ask its database."""
    if request.param == "SQLite":
        library = request.getfixturevalue("library")
        yield library, library.change
    else:
        library = request.getfixturevalue("postgres_library")
        with psycopg.connect(library.database, autocommit=True) as connection:
            yield library, lambda sql: connection.execute(sql).fetchall()


def all_at_once(reader, count, ask):
    windows = [reader.again() for _ in range(count)]
    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(ask, windows, range(count)))
    for window in windows:
        window.http.close()
    return answers


def test_the_same_request_at_one_moment_is_one_export(shared):
    library, query = shared
    with_celery(library)  # whose queue nobody serves: the export stays active
    with library.site("--threads=8") as site, library.reader(site) as reader:
        for genre in ("novel", "poetry", "crime"):
            answers = all_at_once(reader, 8, lambda window, _, genre=genre: window.export(genre=genre))
            assert len(set(answers)) == 1
        assert query("SELECT count(*) FROM exports_export") == [(3,)]
        with library.reader(site, "other") as other:  # whose exports are his own
            assert other.export(genre="novel")
        assert query("SELECT count(*) FROM exports_export") == [(4,)]


def test_beyond_so_many_spawned_exports_a_request_is_a_503_that_says_when_to_ask_again(shared):
    """Their processes die before they begin, so that none ends while the eight ask: no moment is short enough."""
    library, query = shared
    library.more = {"EXPORT_MAX_RUNNING": "2"}
    with library.site("--threads=8", settings="tests.settings_spawn_nothing") as site, library.reader(site) as reader:

        def ask(window, number):
            return window.post("/exports/", published_to=f"{2000 + number}-12-31")

        answers = all_at_once(reader, 8, ask)
        refused = [answer for answer in answers if answer.status_code == 503]
        assert sorted(answer.status_code for answer in answers) == [302] * 2 + [503] * 6
        assert {answer.headers["Retry-After"] for answer in refused} == {"60"}
        assert all("Please try again in a minute." in answer.text for answer in refused)
        assert query("SELECT count(*) FROM exports_export") == [(2,)]
        query("UPDATE exports_export SET state = 'done' RETURNING id")
        assert reader.post("/exports/", genre="novel").status_code == 302


def test_a_queue_takes_what_a_machine_cannot_do_at_once(library):
    with with_celery(library, EXPORT_MAX_RUNNING="2").site() as site, library.reader(site) as reader:
        exports = {reader.export(published_to=f"{2000 + number}-12-31") for number in range(5)}
        assert len(exports) == 5 and reader.export(published_to="2000-12-31") in exports  # the same request again


@pytest.mark.parametrize("quota", [{"EXPORT_QUOTA": "2"}, {"EXPORT_QUOTA_BYTES": "1000"}], ids=["number", "bytes"])
def test_who_has_enough_is_told_so_and_may_delete(library, quota):
    library.more = quota
    with library.site() as site, library.reader(site) as reader:
        ids = []
        for genre in ("novel", "poetry"):
            answer = reader.post("/exports/", genre=genre)
            if answer.status_code == 302:
                ids.append(answer.headers["Location"].split("/")[-2])
                assert reader.wait_for_end(ids[-1]) == "done"
        answer = reader.post("/exports/", genre="crime")
        assert answer.status_code == 429
        assert re.search(rf"You have {len(ids)} exports of .* in all, and may not have more\.", answer.text)
        with library.reader(site, "other") as other:  # who has none yet
            assert other.wait_for_end(other.export(genre="crime")) == "done"
        for export_id in ids:
            assert reader.post(f"/exports/{export_id}/delete/").headers["Location"] == "/exports/"
        assert len(library.files()) == 1
        assert reader.post("/exports/", genre="crime").status_code == 302


@pytest.mark.parametrize("buttons", [["cancel"], ["cancel", "delete"]], ids=" and ".join)
def test_to_cancel_and_ask_again_does_not_make_room_for_more_processes(library, buttons):
    library.more = {"EXPORT_MAX_RUNNING": "2", "EXPORT_LEASE": "60"}
    with library.site() as site, library.reader(site) as reader:
        answers = []
        for year in range(2000, 2006):
            answer = reader.post("/exports/", published_to=f"{year}-12-31")
            answers.append(answer.status_code)
            if answer.status_code == 302:
                for button in buttons:
                    last = reader.post(f"{answer.headers['Location']}{button}/")
        assert answers.count(503) >= 2
        if "delete" in buttons:
            assert last.status_code == 409 and "delete it in a minute" in last.text


def test_a_space_more_is_the_same_request(library):
    with with_celery(library).site() as site, library.reader(site) as reader:
        assert reader.export(q="island") == reader.export(q=" island  ")
        assert reader.export(q="isle") != reader.export(q="island")
