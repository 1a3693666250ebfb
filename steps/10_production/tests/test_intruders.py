"""Who can do what: every URL, every method, every kind of user."""

import re
import uuid
from contextlib import closing

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import get_resolver

from exports.models import Export

pytestmark = [pytest.mark.django_db, pytest.mark.covers("exports", "library/urls.py", "library/views.py", "config")]
METHODS = ("get", "post", "put", "patch", "delete")
USERS = ("anonymous", "other", "owner", "librarian")
LOGIN, PAGE, OK, REFUSED, NONE, STOP = 302, 302, 200, 405, 404, 286  # 286: htmx stops polling
LOGIN_OR_REFUSED = (LOGIN, REFUSED, REFUSED, REFUSED)
BUTTON = [(LOGIN, PAGE, PAGE, PAGE), (LOGIN, NONE, PAGE, NONE), LOGIN_OR_REFUSED]

# The status for each user, for GET, for POST, and for the other methods.
TABLE = {
    "": [(PAGE,) * 4] * 3,
    "books/": [(OK,) * 4, (REFUSED,) * 4, (REFUSED,) * 4],
    "books/download/": [(OK,) * 4, (REFUSED,) * 4, (REFUSED,) * 4],
    "exports/": [(LOGIN, OK, OK, OK), LOGIN_OR_REFUSED, LOGIN_OR_REFUSED],
    "exports/new/": [(LOGIN, OK, OK, OK), (LOGIN, PAGE, PAGE, PAGE), LOGIN_OR_REFUSED],
    "exports/ID/": [(LOGIN, NONE, OK, NONE), LOGIN_OR_REFUSED, LOGIN_OR_REFUSED],
    "exports/ID/progress/": [(OK, STOP, OK, STOP), (REFUSED,) * 4, (REFUSED,) * 4],
    "exports/ID/download/": [(LOGIN, NONE, OK, NONE), LOGIN_OR_REFUSED, LOGIN_OR_REFUSED],
    "exports/ID/cancel/": BUTTON,
    "exports/ID/retry/": BUTTON,
    "exports/ID/delete/": BUTTON,
    "health/": [(OK,) * 4, (REFUSED,) * 4, (REFUSED,) * 4],
    "login/": [(OK,) * 4, (OK,) * 4, (REFUSED,) * 4],
    "logout/": [(REFUSED,) * 4, (PAGE,) * 4, (REFUSED,) * 4],
    "robots.txt": [(OK,) * 4, (REFUSED,) * 4, (REFUSED,) * 4],
}


def urls(patterns=None, before=""):
    """Yield the URLs of the site, with ID for the id of an export. Django has its own tests for the admin."""
    for pattern in patterns or get_resolver().url_patterns:
        route = before + re.sub(r"<uuid:\w+>", "ID", str(pattern.pattern))
        if hasattr(pattern, "url_patterns"):
            yield from () if route == "admin/" else urls(pattern.url_patterns, route)
        else:
            yield route


@pytest.fixture
def clients(settings, tmp_path):
    """Return a client for each kind of user. A librarian can see everything in the admin."""
    settings.MEDIA_ROOT = tmp_path
    clients = {name: Client() for name in USERS}
    for name in USERS[1:]:
        is_staff = name == "librarian"
        clients[name].force_login(User.objects.create_user(name, is_staff=is_staff, is_superuser=is_staff))
    return clients


def done_export():
    """Return an export of the owner that is done."""
    Export.objects.all().delete()
    export = Export.objects.create(owner=User.objects.get(username="owner"))
    export.finish(export.claim(), ContentFile(b"secret diary"), rows=1)
    assert export.expires_at
    return export


def test_the_table_has_every_url():
    assert set(urls()) == TABLE.keys()


@pytest.mark.parametrize("url", TABLE)
def test_each_user_gets_what_the_table_says(clients, url):
    for method in METHODS:
        expected = TABLE[url][["get", "post"].index(method) if method in ("get", "post") else 2]
        if (url, method) == ("login/", "put"):
            expected = (OK,) * 4  # Django's login view handles PUT like POST
        for name, status in zip(USERS, expected, strict=True):
            export = done_export()
            path = "/" + url.replace("ID", str(export.pk))
            with closing(getattr(clients[name], method)(path)) as answer:
                assert answer.status_code == status, f"{name}: {method} {path}"
                if name != "owner" and not answer.streaming:
                    assert b"secret diary" not in answer.content
            is_kept = Export.objects.filter(pk=export.pk, state="done").exists()
            assert is_kept or (name, method, url) == ("owner", "post", "exports/ID/delete/")


@pytest.mark.parametrize("url", [url for url, (_, post, _) in TABLE.items() if "exports/" in url and PAGE in post[1:]])
def test_nothing_changes_without_the_token_against_forged_requests(clients, url):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="owner"))
    export = done_export()
    path = "/" + url.replace("ID", str(export.pk))
    client.get("/exports/new/")
    assert client.post(path).status_code == 403
    assert Export.objects.get() == export
    token = client.cookies["csrftoken"].value
    assert client.post(path, {"csrfmiddlewaretoken": token}).status_code == 302


@pytest.mark.parametrize(
    "path",
    ["/exports/ID/../../../etc/passwd", "/exports/%2e%2e/ID/download/", "/static/../config/settings.py", "/exports/1/"],
)
def test_no_path_leads_out_of_the_site(clients, path):
    export_id = str(done_export().pk)
    assert clients["owner"].get(f"/exports/{export_id}/").status_code == OK
    assert clients["owner"].get(path.replace("ID", export_id)).status_code in (NONE, 400)


def test_an_export_of_another_user_looks_like_one_that_does_not_exist(clients):
    theirs, nobodys = done_export().pk, uuid.uuid4()
    assert clients["owner"].get(f"/exports/{theirs}/").status_code == OK
    token = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"')  # a new one in each page
    for end in ("", "progress/?state=done"):
        pages = [clients["other"].get(f"/exports/{pk}/{end}") for pk in (theirs, nobodys)]
        assert pages[0].status_code == pages[1].status_code != OK
        assert len({token.sub(b"", page.content) for page in pages}) == 1
