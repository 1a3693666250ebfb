"""Whatever a visitor sends, the answer is a page and never a 500. `make load` sends more of it."""

import os

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports.models import Export
from library.factories import BookFactory
from tests.many_filters import FIELDS, TEXT

pytestmark = pytest.mark.django_db
CASES = int(os.environ.get("CASES", "150"))  # for each test; a fifth of it where each case is a whole export
MANY = settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=CASES < 1_000)
PATHS = st.sampled_from(["/books/", "/books/download/", "/exports/", "/login/", "/health/", "/exports/{pk}/"])
BUTTONS = st.sampled_from(
    ["/exports/", "/login/", "/exports/{pk}/cancel/", "/exports/{pk}/retry/", "/exports/{pk}/mail/"]
)

OPTIONS = st.sampled_from(["--q", "--genre", "--published-from", "--published-to", "--compress", "--raw"])


@pytest.fixture
def reader(settings):
    settings.EXPORT_QUOTA = settings.EXPORT_MAX_RUNNING = 1_000_000  # or most forms would end there
    BookFactory.create_batch(3)
    client = Client(raise_request_exception=False, headers={"host": "localhost"})
    owner = User.objects.create_user("reader", "reader@example.com")
    client.force_login(owner)
    Export.objects.create(owner=owner, state="cancelled", sha256="0" * 64)
    return client


def path_of(path):
    return path.format(pk=Export.objects.get(state="cancelled").pk)


@MANY
@given(
    path=PATHS,
    fields=FIELDS,
    headers=st.dictionaries(st.sampled_from(["hx-request", "accept", "referer"]), st.text("abc/*;=, ", max_size=20)),
)
def test_no_query_string_is_an_error_of_the_server(reader, path, fields, headers):
    answer = reader.get(path_of(path), fields, headers=headers)
    assert answer.status_code in (200, 302, 400, 404, 405)
    getattr(answer, "getvalue", lambda: b"")()


@MANY
@given(path=BUTTONS, fields=FIELDS)
def test_no_form_is_an_error_of_the_server(reader, path, fields):
    answer = reader.post(path_of(path), fields)
    assert answer.status_code in (200, 302, 400, 404, 405)


@MANY
@given(path=st.text(max_size=60))
def test_no_address_is_an_error_of_the_server(reader, path):
    assert reader.get("/exports/" + path).status_code in (200, 301, 302, 400, 404, 405)


@pytest.mark.server
@pytest.mark.parametrize(
    "which", ["library", pytest.param("postgres_library", marks=[pytest.mark.services, pytest.mark.slow])]
)
def test_no_stored_filter_is_more_than_a_failed_export(request, which):
    """In a process of its own, with a database of its own."""
    library = request.getfixturevalue(which)
    done = library.manage("shell", "-v0", "-c", f"from tests.many_filters import run; run({CASES // 5})")
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) >= CASES // 10


@MANY
@given(options=st.dictionaries(OPTIONS, TEXT, max_size=4))
def test_no_option_of_the_command_is_a_traceback(reader, tmp_path, options):
    """What is given comes as words, as from a shell, which knows no NUL."""
    words = [f"{option}={value}".replace("\0", "") for option, value in options.items()]
    try:
        call_command("export_books", "--output", str(tmp_path / "books.csv"), "--force", "-v0", *words)
    except CommandError as error:
        assert "\n" not in str(error).strip()
