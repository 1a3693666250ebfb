"""The page on which a user asks for an export."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from exports.models import Export
from library.factories import BookFactory
from tests.exporting import ADDRESS, NEW

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return User.objects.create_user("reader", ADDRESS, "reader")


@pytest.fixture
def reader(client, user):
    client.force_login(user)
    return client


def test_the_url_is_the_contract():
    assert reverse("export-create") == NEW


def test_the_book_list_links_to_it_with_the_filters(client):
    BookFactory(genre="novel")
    page = client.get("/books/", {"genre": "novel"}).content.decode()
    assert 'href="/exports/new/?genre=novel" data-test="export-link"' in page


def test_the_filters_survive_the_redirect_through_the_login(client, user):
    answer = client.get(NEW, {"genre": "novel", "q": "a&b"})
    page = client.get(answer["Location"])
    assert page.templates[0].name == "registration/login.html"
    login = {"username": "reader", "password": "reader", "next": page.context["next"]}
    answer = client.post("/login/", login)
    assert answer["Location"] == "/exports/new/?genre=novel&q=a%26b"
    assert not Export.objects.exists()


def test_get_asks_for_a_confirmation_and_records_nothing(reader):
    page = reader.get(NEW, {"genre": "novel"}).content.decode()
    assert ADDRESS in page and 'data-test="export-button"' in page
    assert not Export.objects.exists()


def test_post_records_the_export_and_redirects_to_its_page(reader, user):
    answer = reader.post(f"{NEW}?genre=novel&q=-x%20;&published_from=")
    export = Export.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/exports/{export.pk}/")
    assert (export.owner, export.state, export.filters) == (user, "waiting", {"genre": "novel", "q": "-x ;"})


@pytest.mark.parametrize("query", ["genre=cookery", "published_from=yesterday", "q=a%00b", "gerne=novel"])
def test_an_invalid_filter_gets_a_400_and_records_nothing(reader, query):
    for answer in (reader.get(f"{NEW}?{query}"), reader.post(f"{NEW}?{query}")):
        assert answer.status_code == 400
        assert query.partition("=")[0] in answer.content.decode()
    assert not Export.objects.exists()


def test_a_user_without_an_address_can_download_the_file(reader, user):
    user.email = ""
    user.save()
    page = reader.get(NEW).content.decode()
    assert "your account has no email address" in page and "export-button" in page
    assert reader.post(NEW).status_code == 302


def test_a_request_from_another_site_records_nothing(user):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    assert strict.post(NEW).status_code == 403
    assert not Export.objects.exists()


def test_a_wrong_password_is_one_sentence(client, user):
    page = client.post("/login/", {"username": "reader", "password": "wrong"}).content.decode()
    assert 'data-test="error">Please enter a correct username and password.' in page


def test_logging_out_is_one_button(reader):
    assert reader.post("/logout/")["Location"] == "/books/"
    assert "Log in" in reader.get("/books/").content.decode()
