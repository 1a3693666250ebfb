"""Who may do what: every address, every method, every kind of visitor."""

import re
import uuid
from contextlib import closing

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.test import Client
from django.urls import get_resolver

from exports.models import Export

pytestmark = pytest.mark.django_db
METHODS = ("get", "post", "put", "patch", "delete")
VISITORS = ("anonymous", "other", "owner", "librarian")
LOGIN, PAGE, OK, REFUSED, NONE = 302, 302, 200, 405, 404
LOGIN_OR_REFUSED = (LOGIN, REFUSED, REFUSED, REFUSED)

# What each visitor gets for GET, for POST, and for the other methods that change something.
TABLE = {
    "": [(PAGE,) * 4] * 3,
    "books/": [(OK,) * 4, (REFUSED,) * 4, (REFUSED,) * 4],
    "books/download/": [(OK,) * 4, (REFUSED,) * 4, (REFUSED,) * 4],
    "exports/": [(LOGIN, OK, OK, OK), (LOGIN, PAGE, PAGE, PAGE), (REFUSED,) * 4],
    "exports/ID/": [(LOGIN, NONE, OK, NONE), LOGIN_OR_REFUSED, LOGIN_OR_REFUSED],
    "exports/ID/download/": [(LOGIN, NONE, OK, NONE), LOGIN_OR_REFUSED, LOGIN_OR_REFUSED],
    "exports/ID/cancel/": [LOGIN_OR_REFUSED, (LOGIN, NONE, PAGE, NONE), LOGIN_OR_REFUSED],
    "exports/ID/retry/": [LOGIN_OR_REFUSED, (LOGIN, NONE, PAGE, NONE), LOGIN_OR_REFUSED],
    "exports/ID/mail/": [LOGIN_OR_REFUSED, (LOGIN, NONE, PAGE, NONE), LOGIN_OR_REFUSED],
    "exports/ID/delete/": [LOGIN_OR_REFUSED, (LOGIN, NONE, PAGE, NONE), LOGIN_OR_REFUSED],
    "health/": [(OK,) * 4, (REFUSED,) * 4, (REFUSED,) * 4],
    "login/": [(OK,) * 4, (OK,) * 4, (REFUSED,) * 4],
    "logout/": [(REFUSED,) * 4, (PAGE,) * 4, (REFUSED,) * 4],
}


def addresses(patterns=None, before=""):
    """The addresses of the site, with ID for what is an export's. (The admin has tests of its own, in Django.)"""
    for pattern in patterns or get_resolver().url_patterns:
        route = before + re.sub(r"<uuid:\w+>", "ID", str(pattern.pattern))
        if hasattr(pattern, "url_patterns"):
            yield from () if route == "admin/" else addresses(pattern.url_patterns, route)
        else:
            yield route


@pytest.fixture
def visitors(monkeypatch, tmp_path):
    monkeypatch.setattr(Export._meta.get_field("file"), "storage", FileSystemStorage(tmp_path))
    clients = {name: Client(headers={"host": "localhost"}) for name in VISITORS}
    for name in VISITORS[1:]:
        staff = name == "librarian"
        clients[name].force_login(User.objects.create_user(name, is_staff=staff, is_superuser=staff))
    return clients


def an_export():
    """One that is done, of the owner."""
    export = Export(owner=User.objects.get(username="owner"), state="done", size=5, sha256="0" * 64)
    export.file.save(export.stored_as, ContentFile(b"books"), save=False)
    export.save()
    return export


def test_the_table_knows_every_address():
    assert set(addresses()) == TABLE.keys()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("address", TABLE)
def test_each_visitor_gets_what_the_table_says(visitors, address, method):
    expected = TABLE[address][["get", "post"].index(method) if method in ("get", "post") else 2]
    if (address, method) == ("login/", "put"):
        expected = (OK,) * 4  # Django's form views take it for POST
    for name, status in zip(VISITORS, expected, strict=True):
        export = an_export()
        path = "/" + address.replace("ID", str(export.pk))
        with closing(getattr(visitors[name], method)(path)) as answer:
            assert answer.status_code == status, f"{name}: {method} {path}"
        there = Export.objects.filter(pk=export.pk, state="done").exists()
        assert there or (name, method, address) == ("owner", "post", "exports/ID/delete/")


@pytest.mark.parametrize(
    "address",
    [address for address, (_, post, _) in TABLE.items() if address.startswith("exports/") and PAGE in post[1:]],
)
def test_nothing_changes_without_the_token_against_forged_requests(visitors, address):
    client = Client(enforce_csrf_checks=True, headers={"host": "localhost"})
    client.force_login(User.objects.get(username="owner"))
    export = an_export()
    path = "/" + address.replace("ID", str(export.pk))
    client.get("/books/")
    assert client.post(path).status_code == 403
    assert Export.objects.filter(pk=export.pk).exists() and Export.objects.count() == 1
    token = client.cookies["csrftoken"].value
    assert client.post(path, {"csrfmiddlewaretoken": token}).status_code == 302


@pytest.mark.parametrize(
    "path",
    ["/exports/ID/../../../etc/passwd", "/exports/%2e%2e/ID/download/", "/static/../config/settings.py", "/exports/1/"],
)
def test_no_path_leads_out_of_the_site(visitors, path):
    mine = str(an_export().pk)
    assert visitors["owner"].get(f"/exports/{mine}/").status_code == OK
    assert visitors["owner"].get(path.replace("ID", mine)).status_code in (NONE, 400)


def test_what_is_not_there_looks_the_same_as_what_is_not_yours(visitors):
    mine, nobodys = an_export().pk, uuid.uuid4()
    assert visitors["owner"].get(f"/exports/{mine}/").status_code == OK
    pages = [visitors["other"].get(f"/exports/{pk}/") for pk in (mine, nobodys)]
    assert {page.status_code for page in pages} == {NONE}
    token = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"')  # a new one in each page
    assert len({token.sub(b"", page.content) for page in pages}) == 1
