"""Let many users work with the site at the same time, while someone sends bad input. Then count everything.

    make load
    python benchmarks/load.py [--users N] [--seconds N] [--books N] [--inputs N]

It runs step 11 with the settings that a user gets: gunicorn with two workers, and two workers for the exports. First it
requests each URL with each method as each kind of user. Then the users ask for exports, click twice, watch the
progress, download, cancel, try again and delete. At the same time, the bad inputs of tests/test_bad_input.py arrive.

In the end, it looks at each row, each file and each email. It ends with an error if one of these isn't zero:

lost        exports that are neither done, nor failed with a reason, nor cancelled by the user, and missing emails
wrong       downloads, files and attachments whose bytes are not those of the books
duplicates  second emails about an export, and exports that were active at the same time with the same filters
errors      answers from 500 up, and connections that broke
unexpected  other answers that the tests don't allow, for example another user's export

The results go to benchmarks/results/load.json.
"""

import argparse
import email
import email.policy
import http.client
import json
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from random import Random
from urllib.parse import quote, urlencode

import django
from rich.console import Console

from measure import machine
from tutorial import find_step

sys.path.insert(0, str(find_step("11")))

from tests.databases import copied, seeded
from tests.db_workers import db_worker
from tests.exporting import Library
from tests.servers import environment, gunicorn

RESULTS = Path(__file__).resolve().parent / "results" / "load.json"
FILTERS = ["", "?genre=novel", "?genre=crime", "?q=the", "?published_from=1990-01-01", "?published_to=1950-12-31"]
choice = Random().choice  # of its own, because Hypothesis doesn't like others to use the generator that it seeds
BAD = ["lost", "wrong", "duplicates", "errors", "unexpected"]
CSRF = "a" * 32
BETWEEN_EMAILS = b"\n" + b"-" * 79 + b"\n"  # Django's file-based backend appends to a file
console = Console(stderr=True)


class Tally:
    """What has been counted so far, by all threads."""

    def __init__(self):
        self.lock, self.seconds = threading.Lock(), defaultdict(list)
        self.statuses, self.found = Counter(), {name: [] for name in BAD}

    def answer(self, kind, status, seconds, what, allowed):
        with self.lock:
            self.seconds[kind].append(seconds)
            self.statuses[status] += 1
            if status not in allowed:
                self.found["unexpected" if 0 < status < 500 else "errors"].append(f"{status} {what}")

    def add(self, name, what):
        with self.lock:
            self.found[name].append(what)

    def number(self, *kinds):
        return sum(len(seconds) for kind, seconds in self.seconds.items() if not kinds or kind in kinds)


class Browser:
    """A user's browser. It sends what a page of the site would send."""

    def __init__(self, port, tally, name=None):
        self.port, self.tally = port, tally
        self.cookie = f"csrftoken={CSRF}" + (f"; sessionid={session_of(name)}" if name else "")

    def send(self, kind, method, path, allowed, body=None, headers=()):
        """Send a request. Return status, headers and body. The status is 0 if the connection breaks."""
        headers = {"Cookie": self.cookie, "X-CSRFToken": CSRF, **dict(headers)}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        started = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            result = answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException) as error:
            result = 0, {}, repr(error).encode()
        finally:
            connection.close()
        self.tally.answer(kind, result[0], time.monotonic() - started, f"{method} {path}", allowed)
        return result


def session_of(name):
    """Log in without the form, which needs a third of a second for the password. Return the key of the session."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.get(username=name))
    return client.cookies["sessionid"].value


class User(Browser):
    """A user who does something, and again, until the time is over."""

    def __init__(self, port, tally, name, contents):
        super().__init__(port, tally, name)
        self.name, self.contents = name, contents
        self.exports, self.cancelled, self.deleted = {}, set(), set()  # the query of each export by its id

    def work(self, end):
        todo = [self.ask] * 3 + [self.click_twice, self.look, self.download_the_library]
        todo += [self.watch] * 8 + [self.download] * 4 + [self.cancel, self.retry, self.delete]
        while time.monotonic() < end:
            choice(todo)()

    def ask(self, query=None):
        query = choice(FILTERS) if query is None else query
        self.started(self.send("ask", "POST", f"/exports/new/{query}", {302, 429}, ""), query)

    def started(self, answer, query):
        if answer[0] == 302:
            self.exports[answer[1]["Location"].split("/")[2]] = query

    def click_twice(self):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self.ask, [choice(FILTERS)] * 2))

    def look(self):
        self.send("list", "GET", "/exports/", {200})
        self.send("list", "GET", f"/books/{choice(FILTERS)}", {200})

    def download_the_library(self):
        query = choice(FILTERS)
        self.compare(self.send("download", "GET", f"/books/download/{query}", {200}), query)

    def compare(self, answer, query):
        if answer[0] == 200 and answer[2] != self.contents[query]:
            self.tally.add("wrong", f"a download of {query or 'all books'}")

    def one(self):
        return choice(list(self.exports)) if self.exports else None

    def watch(self):
        if pk := self.one():
            self.send("poll", "GET", f"/exports/{pk}/progress/?state=waiting", {200}, headers={"HX-Request": "true"})

    def download(self):
        if pk := self.one():
            page = self.send("page", "GET", f"/exports/{pk}/", {200})
            if b'data-test="download"' in page[2]:
                self.compare(self.send("download", "GET", f"/exports/{pk}/download/", {200}), self.exports[pk])

    def cancel(self):
        if pk := self.one():
            self.cancelled.add(pk)
            self.send("cancel", "POST", f"/exports/{pk}/cancel/", {302}, "")

    def retry(self):
        if pk := self.one():
            self.started(self.send("retry", "POST", f"/exports/{pk}/retry/", {302, 429}, ""), self.exports[pk])

    def delete(self):
        if pk := self.one():
            status, *_ = self.send("delete", "POST", f"/exports/{pk}/delete/", {302, 404}, "")  # 404 while it is active
            if status == 302:
                self.deleted.add(pk)
                del self.exports[pk]


def request_every_url(port, tally):
    """Request each URL with each method as each kind of user, and compare the status with the table of the tests."""
    from django.contrib.auth.models import User as Account

    from tests.test_intruders import METHODS, TABLE, USERS, done_export

    for name in USERS[1:]:
        rights = dict.fromkeys(["is_staff", "is_superuser"], name == "librarian")
        Account.objects.update_or_create(username=name, defaults={"email": "", **rights})
    for url, statuses in TABLE.items():
        browsers = [Browser(port, tally, None if name == "anonymous" else name) for name in USERS]
        for number, method in enumerate(METHODS):
            expected = statuses[min(number, 2)]
            if (url, method) == ("login/", "put"):
                expected = (200,) * 4  # Django's login view handles PUT like POST
            for browser, status in zip(browsers, expected, strict=True):
                path = "/" + url.replace("ID", str(done_export().pk))
                body = "" if method == "post" else None
                answer = browser.send("url", method.upper(), path, {status}, body)
                if b"secret diary" in answer[2] and browser is not browsers[2]:
                    tally.add("unexpected", f"another user's file from {path}")


def send_bad_input(port, tally, number):
    """Send the inputs of tests/test_bad_input.py: half of them in query strings, others in forms and paths."""
    from tests.test_bad_input import FIELDS, FORMS, HEADERS, PAGES, PATHS, QUERIES, for_many, st, with_id

    browser, allowed = Browser(port, tally, "reader"), PAGES | {429}

    def get(path, query, headers):
        browser.send("bad input", "GET", f"{with_id(path)}?{query}", allowed, headers=headers)

    def post(path, query, fields):
        browser.send("bad input", "POST", f"{with_id(path)}?{query}", allowed, urlencode(fields))

    def other(path):
        browser.send("bad input", "GET", "/exports/" + quote(path), allowed)

    for_many(number // 2, path=PATHS, query=QUERIES, headers=HEADERS)(get)
    for_many(number // 4, path=FORMS, query=QUERIES, fields=FIELDS)(post)
    for_many(number // 4, path=st.text(max_size=60))(other)


def run(options, folder):
    """Run everything. Return the tally, the users, and the emails of each export."""
    library = Library(copied(seeded(options.books), folder), folder, {"EXPORT_RUNNER": "database"})
    os.environ.update({**environment(library.database), **library.variables})
    django.setup()
    from django.contrib.auth.models import User as Account
    from django.http import QueryDict

    from library.book_csv import csv_chunks
    from library.filters import filtered_books

    tally = Tally()
    contents = {query: b"".join(csv_chunks(filtered_books(QueryDict(query[1:])))) for query in FILTERS}
    names = ["reader", *(f"user-{number}" for number in range(options.users))]
    for name in names:
        address = "" if name == "reader" else f"{name}@example.com"
        Account.objects.update_or_create(username=name, defaults={"email": address})
    with ExitStack() as stack:
        site = stack.enter_context(
            gunicorn(library.database, folder / "gunicorn.log", "--workers=2", variables=library.variables)
        )
        request_every_url(site.port, tally)
        console.print(f"{tally.number('url')} requests: each URL, method and kind of user")
        for _ in range(2):
            stack.enter_context(db_worker(library, "--interval=1"))
        users = [User(site.port, tally, name, contents) for name in names[1:]]
        end = time.monotonic() + options.seconds
        threads = [threading.Thread(target=user.work, args=[end]) for user in users]
        threads.append(threading.Thread(target=send_bad_input, args=[site.port, tally, options.inputs]))
        for thread in threads:
            thread.start()
        while running := [thread for thread in threads if thread.is_alive()]:
            running[0].join(timeout=5)
            bad = tally.number("bad input")
            console.print(f"{tally.number():,} requests, {tally.number('ask')} for exports, {bad:,} bad inputs")
        wait_until_settled()
        check(users, tally, contents, emails_in(folder / "data" / "mail"))
    return tally, users


def wait_until_settled(seconds=180):
    """Wait until each export and each email has ended. What hasn't ended then is lost."""
    from exports.models import ACTIVE, UNSETTLED, Delivery, Export

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        waiting = Export.objects.filter(ACTIVE).count() + Delivery.objects.filter(UNSETTLED).count()
        if not waiting:
            return
        console.print(f"{waiting} exports and emails to go")
        time.sleep(3)


def emails_in(folder):
    """Return the attachments of the emails about each export, by its id. A link is None."""
    found = defaultdict(list)
    for path in folder.glob("*"):
        for text in filter(bytes.strip, path.read_bytes().split(BETWEEN_EMAILS)):
            message = email.message_from_bytes(text, policy=email.policy.default)
            attached = [part.get_content() for part in message.iter_attachments()]
            pk = re.search(r"<export-([\w-]{36})@", message["Message-ID"]).group(1)
            found[pk].append(attached[0] if attached else None)
    return found


def check(users, tally, contents, emails):
    """Compare what the users have asked for with the rows, the files and the emails."""
    from exports.models import Export

    rows = {str(row.pk): row for row in Export.objects.select_related("delivery").order_by("created_at")}
    for user in users:
        for pk, query in user.exports.items():
            row, content, sent = rows.get(pk), contents[query], emails.get(pk, [])
            if row is None or not has_ended(row, user):
                tally.add("lost", f"{pk}: {row and row.state}")
                continue
            if row.state == "done" and row.file.open().read() != content:
                tally.add("wrong", f"the file of {pk}")
            if any(attached not in (None, content) for attached in sent):
                tally.add("wrong", f"the attachment about {pk}")
            delivery = getattr(row, "delivery", None)
            if row.state != "cancelled" and (
                not delivery or bool(delivery.sent_at) != bool(sent) or not is_ended(delivery)
            ):
                tally.add("lost", f"the email about {pk}")
    for pk, sent in emails.items():
        if len(sent) > 1:
            tally.add("duplicates", f"{len(sent)} emails about {pk}")
    last = {}
    for row in (row for row in rows.values() if row.state != "expired"):  # those are made by with_id()
        key = row.owner_id, json.dumps(row.filters, sort_keys=True)
        if key in last and (not last[key].finished_at or row.created_at < last[key].finished_at):
            tally.add("duplicates", f"{last[key].pk} and {row.pk}")
        last[key] = row
    tally.states = Counter(row.state for row in rows.values() if row.owner.username != "reader")
    tally.emails = sum(map(len, emails.values()))


def has_ended(row, user):
    if row.state == "cancelled":
        return str(row.pk) in user.cancelled
    return row.state == "done" or (row.state == "failed" and row.error)


def is_ended(delivery):
    return delivery.sent_at or delivery.error


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=40, help="who work at the same time")
    parser.add_argument("--seconds", type=int, default=120, help="for which they work")
    parser.add_argument("--books", type=int, default=5_000, help="in the library")
    parser.add_argument("--inputs", type=int, default=10_000, help="bad ones")
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tally, users = run(options, Path(folder))
    results = {
        "machine": machine(),
        "versions": {name: version(name) for name in ("django", "django-tasks-db", "gunicorn")},
        **vars(options),
        "took": round(time.monotonic() - started),
        "requests": {kind: summary(seconds) for kind, seconds in sorted(tally.seconds.items())},
        "statuses": dict(sorted(tally.statuses.items())),
        "exports": dict(tally.states),
        "deleted": sum(len(user.deleted) for user in users),
        "emails": tally.emails,
        **{name: len(found) for name, found in tally.found.items()},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    console.print_json(data=results)
    for name, found in tally.found.items():
        for what, number in Counter(found).most_common(10):
            console.print(f"{name}: {number} x {what}", markup=False)
    if any(tally.found.values()):
        sys.exit("Something was lost, wrong or refused. benchmarks/results/load.json has the numbers.")


def summary(seconds):
    """Return the number of requests, and their times in milliseconds."""
    times = sorted(seconds)
    middle, slow = statistics.median(times), times[int(len(times) * 0.95)]
    return {"number": len(times), "median": round(middle * 1000), "95 %": round(slow * 1000)}


if __name__ == "__main__":
    main()
