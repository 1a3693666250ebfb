"""Who may ask for an export and see it, and what the pages say."""

import re
from http import HTTPStatus
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from library.factories import BookFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(client):
    client.force_login(User.objects.create_user("reader", "reader@example.com"))
    return client


@pytest.fixture
def other():
    client = Client()
    client.force_login(User.objects.create_user("other", "other@example.com"))
    return client


def test_the_addresses_are_the_contract():
    pk = "0" * 8 + "-0000-0000-0000-" + "0" * 12
    assert reverse("export-create") == reverse("export-list") == "/exports/"
    assert reverse("export-detail", args=[pk]) == f"/exports/{pk}/"
    assert reverse("export-download", args=[pk]) == f"/exports/{pk}/download/"


def test_a_request_is_recorded_and_answered_with_the_page_of_the_export(reader):
    answer = reader.post("/exports/", {"genre": "novel", "q": "island", "raw": "1", "published_from": ""})
    export = User.objects.get(username="reader").exports.get()
    assert (answer.status_code, answer["Location"]) == (HTTPStatus.FOUND, f"/exports/{export.pk}/")
    assert (export.state, export.rows_done, export.filters) == (
        "waiting",
        0,
        {"genre": "novel", "q": "island", "raw": "1"},
    )
    page = reader.get(answer["Location"])
    assert re.search(r'data-test="state"[^>]*>\s*waiting', page.content.decode(), re.IGNORECASE)


@pytest.mark.parametrize(
    "filters, field",
    [({"genre": "cookery"}, "genre"), ({"published_from": "yesterday"}, "published_from"), ({"raw": "yes"}, "raw")],
)
def test_a_bad_filter_is_a_400_that_names_it_and_no_export(reader, filters, field):
    assert reader.post("/exports/", {"genre": "novel"}).status_code == HTTPStatus.FOUND
    answer = reader.post("/exports/", filters)
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert f"({field})" in answer.content.decode()
    assert User.objects.get().exports.count() == 1


def test_a_request_from_another_site_is_refused():
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("reader"))
    client.get("/books/")
    token = client.cookies["csrftoken"].value
    assert client.post("/exports/", {"csrfmiddlewaretoken": token}).status_code == HTTPStatus.FOUND
    assert client.post("/exports/", {}).status_code == HTTPStatus.FORBIDDEN
    assert User.objects.get().exports.count() == 1


def test_a_visitor_is_sent_to_the_login_and_finds_the_same_books_after_it(client):
    User.objects.create_user("reader", password="secret")  # noqa: S106
    answer = client.post("/exports/", {"genre": "novel", "q": "a&b"})
    assert answer.status_code == HTTPStatus.FOUND
    login = answer["Location"]
    assert unquote(unquote(login)) == "/login/?next=/books/?q=a&b&genre=novel"
    answer = client.post(login, {"username": "reader", "password": "secret"})
    assert answer["Location"] == "/books/?q=a%26b&genre=novel"


def test_the_pages_of_an_export_need_a_login(client, reader):
    address = reader.post("/exports/")["Location"]
    for path in ("/exports/", address):
        assert reader.get(path).status_code == HTTPStatus.OK
    for path in ("/exports/", address, f"{address}download/"):
        answer = Client().get(path)
        assert (answer.status_code, answer["Location"]) == (HTTPStatus.FOUND, f"/login/?next={path}")


def test_another_readers_export_is_not_there(reader, other):
    address = reader.post("/exports/", {"q": "mine"})["Location"]
    assert reader.get(address).status_code == HTTPStatus.OK
    for path in (address, f"{address}download/"):
        assert other.get(path).status_code == HTTPStatus.NOT_FOUND
        assert other.get(path, headers={"HX-Request": "true"}).status_code == HTTPStatus.NOT_FOUND
    assert "mine" in reader.get("/exports/").content.decode()
    assert "mine" not in other.get("/exports/").content.decode()


def test_my_exports_are_all_listed_the_newest_first(reader):
    assert "export-row" not in reader.get("/exports/").content.decode()
    for number in range(60):
        reader.post("/exports/", {"q": f"number-{number}."})
    pages = [reader.get("/exports/", {"page": page}).content.decode() for page in (1, 2)]
    assert sum(page.count('data-test="export-row"') for page in pages) == 60
    listed = re.findall(r"number-(\d+)\.", "".join(pages))
    assert listed == [str(number) for number in reversed(range(60))]


def test_an_export_that_is_not_done_has_no_file(reader):
    address = reader.post("/exports/")["Location"]
    assert reader.get(address).status_code == HTTPStatus.OK
    assert reader.get(f"{address}download/").status_code == HTTPStatus.NOT_FOUND


def test_the_page_asks_again_by_itself_and_gets_only_what_changes(reader):
    address = reader.post("/exports/")["Location"]
    page = reader.get(address).content.decode()
    assert f'hx-get="{address}"' in page and 'hx-trigger="every 1s"' in page and "<html" in page
    part = reader.get(address, headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode() and 'data-test="progress"' in part.content.decode()
    assert "no-store" in part["Cache-Control"]  # or the browser's Back would show the part without the page


def test_a_session_that_ends_while_the_page_asks_leads_to_the_page_of_the_login(reader):
    part = {"HX-Request": "true"}
    address = reader.post("/exports/")["Location"]
    assert reader.get(address, headers=part).status_code == HTTPStatus.OK
    answer = Client().get(address, headers=part)
    login = Client().get(answer["Location"], headers=part)
    assert login["HX-Refresh"] == "true" and login.content == b""
    assert 'action="/login/"' in Client().get(answer["Location"]).content.decode()


def test_the_list_of_books_has_the_button_with_the_filters(reader):
    BookFactory()
    page = reader.get("/books/", {"q": 'a"<b', "genre": "novel", "after": "0"}).content.decode()
    form = re.search(r'<form method="post" action="/exports/">.*?</form>', page, re.DOTALL).group()
    assert 'data-test="export-button"' in form
    assert re.findall(r'name="(\w+)" value="([^"]*)"', form)[1:] == [("q", "a&quot;&lt;b"), ("genre", "novel")]
    assert "export-button" not in Client().get("/books/").content.decode()


def test_text_in_the_filters_is_text_on_the_page(reader):
    address = reader.post("/exports/", {"q": "<script>alert(1)</script>"})["Location"]
    for path in (address, "/exports/"):
        page = reader.get(path).content.decode()
        assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_the_admin_lists_exports_by_state_and_changes_none(reader, admin_client):
    reader.post("/exports/", {})
    export = User.objects.get(username="reader").exports.get()
    for state, count in (("waiting", 1), ("failed", 0)):
        page = admin_client.get("/admin/exports/export/", {"state__exact": state}).content.decode()
        assert page.count("field-owner") == count
    assert admin_client.get(f"/admin/exports/export/{export.pk}/change/").status_code == HTTPStatus.OK
    assert admin_client.post(f"/admin/exports/export/{export.pk}/change/").status_code == HTTPStatus.FORBIDDEN
    assert admin_client.get("/admin/exports/export/add/").status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(reader, method):
    assert reader.post("/exports/").status_code == HTTPStatus.FOUND
    assert getattr(reader, method)("/exports/").status_code == HTTPStatus.METHOD_NOT_ALLOWED
