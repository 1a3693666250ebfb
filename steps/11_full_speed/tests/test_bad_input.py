"""Whatever a user sends, the answer is a page and never a 500."""

import os
import subprocess
import sys
from urllib.parse import quote_from_bytes, urlencode

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples_of
from hypothesis import strategies as st

from exports import job
from exports.models import Export
from library.factories import BookFactory
from tests.servers import STEP, environment, postgresql

pytestmark = [pytest.mark.django_db, pytest.mark.covers("exports", "library", "config/urls.py")]
# Four tests: 10,000 inputs together. The tests of stored filters and options take longer for each input.
MANY = pytest.mark.parametrize("examples", [100, pytest.param(2_500, marks=pytest.mark.slow)])

VALUES = [
    "\x00",
    "'; DROP TABLE library_book; --",
    "%00",
    "..%2f..",
    "9" * 400,
    "-1",
    "2001-02-30",
    "=1+1",
    "{{ 7 * 7 }}",
    "<script>",
]
TEXT = st.text(max_size=300) | st.sampled_from(VALUES)
NAMES = st.sampled_from(
    ["q", "genre", "published_from", "published_to", "raw", "bom", "after", "before", "page", "next"]
)
FIELDS = st.dictionaries(NAMES | st.text(max_size=20), TEXT, max_size=6)
QUERIES = FIELDS.map(urlencode) | st.binary(max_size=60).map(quote_from_bytes)  # also what isn't UTF-8
PATHS = st.sampled_from(
    ["/books/", "/books/download/", "/exports/", "/exports/new/", "/login/", "/health/"]
    + [f"/exports/ID/{end}" for end in ("", "progress/", "download/")]
)
FORMS = st.sampled_from(
    ["/exports/new/", "/login/", "/exports/ID/cancel/", "/exports/ID/retry/", "/exports/ID/delete/"]
)
HEADERS = st.dictionaries(
    st.sampled_from(["hx-request", "accept", "referer", "range"]), st.text("abc=0-9/*;, ", max_size=20)
)
PAGES = {200, 286, 301, 302, 400, 404, 405, 410}
# PostgreSQL's jsonb can't hold NUL.
STORED = TEXT.map(lambda text: text.replace("\0", "")) | st.none() | st.integers() | st.lists(st.integers(), max_size=3)
ERRORS = {"", "These filters are no longer valid.", "Something went wrong. The error has been logged."}


def for_many(number, **strategies):
    """Call the decorated function with that many examples, now."""

    def run(check):
        options = {"deadline": None, "database": None, "derandomize": number < 1_000}
        options["suppress_health_check"] = list(HealthCheck)
        examples_of(max_examples=number, **options)(given(**strategies)(check))()

    return run


@pytest.fixture
def reader(settings, tmp_path):
    settings.EXPORT_QUOTA = 1_000_000  # otherwise most of the forms would end there
    settings.MEDIA_ROOT, settings.EXPORT_TMP_DIR = tmp_path, tmp_path / "tmp"
    BookFactory.create_batch(3)
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_user("reader"))
    with_id("")
    return client


def with_id(path):
    """Put the id of an export into the path. A deleted one comes back."""
    owner = User.objects.get(username="reader")
    export, _ = Export.objects.get_or_create(state="expired", expires_at=None, owner=owner)
    return path.replace("ID", str(export.pk))


@MANY
def test_no_query_string_is_an_error_of_the_server(reader, examples):
    @for_many(examples, path=PATHS, query=QUERIES, headers=HEADERS)
    def check(path, query, headers):
        answer = reader.get(with_id(path), QUERY_STRING=query, headers=headers)
        assert answer.status_code in PAGES
        getattr(answer, "getvalue", lambda: b"")()


@MANY
def test_no_form_is_an_error_of_the_server(reader, examples):
    @for_many(examples, path=FORMS, query=QUERIES, fields=FIELDS)
    def check(path, query, fields):
        assert reader.post(with_id(path), fields, QUERY_STRING=query).status_code in PAGES


@MANY
def test_no_path_is_an_error_of_the_server(reader, examples):
    @for_many(examples, path=st.text(max_size=60))
    def check(path):
        assert reader.get("/exports/" + path).status_code in PAGES


@MANY
def test_stored_filters_are_at_worst_a_failed_export(reader, examples, monkeypatch):
    for module in ("job", "models"):  # this test has a transaction around it
        monkeypatch.setattr(f"exports.{module}.close_old_connections", lambda: None)
    owner = User.objects.get(username="reader")

    @for_many(examples // 2, filters=st.dictionaries(NAMES | st.just("other"), STORED, max_size=5))
    def check(filters):
        export = Export.objects.create(owner=owner, filters=filters)
        job.run(str(export.pk))
        export.refresh_from_db()
        assert export.state in ("done", "failed") and export.error in ERRORS
        export.delete()


@MANY
def test_no_option_of_the_command_is_a_traceback(reader, tmp_path, examples):
    options = st.sampled_from(["--q", "--genre", "--published-from", "--published-to", "--raw"])

    @for_many(examples // 2, options=st.dictionaries(options, TEXT, max_size=4))
    def check(options):
        words = [f"{option}={value}".replace("\0", "") for option, value in options.items()]  # no shell passes NUL
        try:
            call_command("export_books", "--output", str(tmp_path / "books.csv"), "--force", "-v0", *words)
        except CommandError as error:
            assert "\n" not in str(error).strip()


@pytest.mark.server
@pytest.mark.services
@pytest.mark.slow
@pytest.mark.skipif("BAD_INPUT" in os.environ, reason="this test runs the others")
def test_postgresql_makes_no_error_of_the_server_of_it():
    with postgresql() as url:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "100", __file__]
        env = {**environment(url), "BAD_INPUT": "1"}
        done = subprocess.run(command, cwd=STEP, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
