"""The page on which a user asks for an export."""

import subprocess
import sys

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from library.factories import BookFactory
from tests.exporting import ADDRESS, NEW

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return User.objects.create_user("reader", ADDRESS, "reader")


@pytest.fixture
def started(monkeypatch):
    """The processes that the view starts. None of them runs."""
    calls = []
    monkeypatch.setattr(subprocess, "Popen", lambda *arguments, **options: calls.append((*arguments, options)))
    return calls


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


def test_the_filters_survive_the_redirect_through_the_login(client, user, started):
    answer = client.get(NEW, {"genre": "novel", "q": "a&b"})
    page = client.get(answer["Location"])
    assert page.templates[0].name == "registration/login.html"
    login = {"username": "reader", "password": "reader", "next": page.context["next"]}
    answer = client.post("/login/", login)
    assert answer["Location"] == "/exports/new/?genre=novel&q=a%26b"
    assert started == []


def test_get_asks_for_a_confirmation_and_starts_nothing(reader, started):
    page = reader.get(NEW, {"genre": "novel"}).content.decode()
    assert ADDRESS in page and 'data-test="export-button"' in page
    assert started == []


def test_post_starts_the_command_and_answers_202(reader, started):
    answer = reader.post(f"{NEW}?genre=novel&q=-x%20;&published_from=2001-01-01")
    assert answer.status_code == 202
    assert ADDRESS in answer.content.decode()
    ((command, options),) = started
    assert command == [
        sys.executable,
        settings.BASE_DIR / "manage.py",
        "send_export",
        f"--to={ADDRESS}",
        "--q=-x ;",
        "--genre=novel",
        "--published-from=2001-01-01",
    ]
    assert options == {"stdin": subprocess.DEVNULL, "start_new_session": True}


def test_an_address_cannot_become_an_option(reader, user, started):
    user.email = "--pythonpath=x@example.com"  # which Django's validator accepts
    user.save()
    reader.post(NEW)
    (((*_, last), _),) = started
    assert last == "--to=--pythonpath=x@example.com"


@pytest.mark.parametrize("query", ["genre=cookery", "published_from=yesterday", "q=a%00b", "gerne=novel"])
def test_an_invalid_filter_gets_a_400_and_starts_nothing(reader, started, query):
    for answer in (reader.get(f"{NEW}?{query}"), reader.post(f"{NEW}?{query}")):
        assert answer.status_code == 400
        assert query.partition("=")[0] in answer.content.decode()
    assert started == []


def test_a_user_without_an_address_reads_that_one_is_needed(reader, user, started):
    user.email = ""
    user.save()
    for answer in (reader.get(NEW), reader.post(NEW)):
        page = answer.content.decode()
        assert "Your account has no email address." in page and "export-button" not in page
    assert started == []


def test_a_request_from_another_site_starts_nothing(user, started):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    assert strict.post(NEW).status_code == 403
    assert started == []


def test_a_wrong_password_is_one_sentence(client, user):
    page = client.post("/login/", {"username": "reader", "password": "wrong"}).content.decode()
    assert 'data-test="error">Please enter a correct username and password.' in page


def test_logging_out_is_one_button(reader):
    assert reader.post("/logout/")["Location"] == "/books/"
    assert "Log in" in reader.get("/books/").content.decode()
