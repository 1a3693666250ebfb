"""Many visitors, and many exports at once. `make load` runs the long form of it."""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.db_workers import db_worker, with_database
from tests.exporting import Library
from tests.faults.scene import note
from tests.servers import manage, program, wait_for

pytestmark = [pytest.mark.server, pytest.mark.slow]
LONG = bool(os.environ.get("FAULTS"))
VISITORS, SECONDS = (200, 20) if LONG else (50, 2)
USERS, EACH = (50, 20) if LONG else (10, 4)
RESULTS = os.environ.get("FAULTS_RESULTS")

# What each visitor asks for, in turns.
VISIT = """
paths = {
    "/books/?genre=novel&page=7",
    "/exports/",
    "/books/download/?published_from=2024-06-01&published_to=2024-06-03",
}
number = 0
request = function()
    number = number + 1
    return wrk.format("GET", paths[number % #paths + 1], {Cookie = "sessionid=SESSION"})
end
"""


def visited(site, session, folder, seconds, visitors):
    """Latencies at the median and the 99th percentile in ms, requests, and those that went wrong."""
    script = folder / "visit.lua"
    script.write_text(VISIT.replace("SESSION", session))
    command = [program("wrk"), "-t2", f"-c{visitors}", f"-d{seconds}s", "--timeout=30s", "--latency", "-s", script]
    said = subprocess.run(
        [*command, f"http://127.0.0.1:{site.port}"], capture_output=True, text=True, check=True
    ).stdout
    latency = {percent: in_ms(value) for percent, value in re.findall(r"^\s+(50|99)%\s+(\S+)", said, re.MULTILINE)}
    wrong = sum(map(int, re.findall(r"(?:Non-2xx.*?: |connect |read |write |timeout )(\d+)", said)))
    return {
        "p50": latency["50"],
        "p99": latency["99"],
        "requests": int(re.search(r"(\d+) requests in", said)[1]),
        "wrong": wrong,
    }


def in_ms(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return round(float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit], 1)


def test_visitors_are_served_while_exports_are_made(large_library, tmp_path):
    with_database(large_library, EXPORT_LEASE="60")
    # As library/models.py has it. The seeding left it out.
    large_library.change("CREATE INDEX book_genre ON library_book (genre)")
    with large_library.site("--workers=2", "--threads=8") as site, large_library.reader(site) as reader:
        session = reader.http.cookies["sessionid"]
        idle = visited(site, session, tmp_path, SECONDS, VISITORS)
        with db_worker(large_library):
            busy_with = [reader.export(published_to=f"{year}-12-31") for year in range(2000, 2025)]
            wait_for(lambda: reader.state(busy_with[0]) == "running", "the exports")
            busy = visited(site, session, tmp_path, SECONDS, VISITORS)
            assert reader.state(busy_with[-1]) != "done", "the exports were over too soon"
        assert (idle["wrong"], busy["wrong"]) == (0, 0)
    note(RESULTS, load="visitors", visitors=VISITORS, idle=idle, busy=busy)


def test_memory_does_not_grow_with_the_number_of_requests(library, tmp_path):
    library.change("DELETE FROM library_book WHERE id > 100")  # more requests in the same time
    with library.site("--threads=2") as site, library.reader(site) as reader:
        session = reader.http.cookies["sessionid"]
        (process,) = site.process.children()
        requests, memory = 0, []
        for wanted in (500, 10_000 if LONG else 2_000):
            while requests < wanted:
                requests += visited(site, session, tmp_path, 1, 4)["requests"]
            memory.append(process.memory_info().rss)
        assert memory[1] / memory[0] < 1.1
    note(RESULTS, load="memory", requests=requests, bytes=memory)


ADD_USERS = """
import json
from django.contrib.auth.models import User
from django.test import Client
sessions = {}
for number in range(%d):
    client = Client()
    client.force_login(User.objects.create_user(f"user{number}", f"user{number}@example.com"))
    sessions[f"user{number}"] = client.cookies["sessionid"].value
print(json.dumps(sessions))
"""


@pytest.mark.parametrize("runner", ["database", "spawn"])
def test_many_exports_of_many_users_each_end_or_are_refused(library: Library, runner):
    with_database(library, EXPORT_RUNNER=runner, EXPORT_MAX_RUNNING="4", EXPORT_LEASE="60")
    added = manage(library.database, "shell", "-v0", "-c", ADD_USERS % USERS)
    library.sessions = json.loads(added.stdout)
    wanted = {
        (user, number): {"published_to": f"{1960 + number}-{user % 12 + 1:02}-28"}
        for user in range(USERS)
        for number in range(EACH)
    }
    with library.site("--threads=8") as site, db_worker(library), db_worker(library):

        def ask(user):
            with library.reader(site, f"user{user}") as reader:
                return [reader.post("/exports/", **wanted[user, number]).status_code for number in range(EACH)]

        with ThreadPoolExecutor(USERS) as pool:
            answers = [status for statuses in pool.map(ask, range(USERS)) for status in statuses]
        assert set(answers) <= {302, 503} if runner == "spawn" else set(answers) == {302}
        accepted = answers.count(302)
        active = "SELECT count(*) FROM exports_export WHERE state IN ('waiting', 'running')"
        wait_for(lambda: library.change(active) == [(0,)], "all to end", seconds=240)
    ends = dict(library.change("SELECT state, count(*) FROM exports_export GROUP BY state"))
    assert ends == {"done": accepted}
    assert len(library.files()) == accepted
    assert library.change("SELECT count(*) FROM (SELECT DISTINCT owner_id, filters FROM exports_export)") == [
        (accepted,)
    ]
    for name, state_rows, last in library.change(
        "SELECT file, rows_done, json_extract(filters, '$.published_to') FROM exports_export"
    ):
        ((books,),) = library.change("SELECT count(*) FROM library_book WHERE published_on <= ?", last)
        assert (library.folder / "data" / "exports" / name).read_bytes().count(b",979") == state_rows == books
    note(RESULTS, load="exports", runner=runner, asked=len(answers), accepted=accepted, refused=answers.count(503))
