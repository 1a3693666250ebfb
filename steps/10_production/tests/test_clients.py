"""Browsers with an old page, users who press twice, and crawlers. The answer is a page, and nothing happens twice."""

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import Client

from exports.models import Export

pytestmark = [pytest.mark.django_db, pytest.mark.covers("exports", "config/urls.py", "library/templates")]
BUTTONS = ["cancel", "retry", "delete"]
ENDS = ["session", "logout", "password"]


@pytest.fixture
def user():
    return User.objects.create_user("reader", "reader@example.com", "secret")


@pytest.fixture
def reader(client, user, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    client.force_login(user)
    return client


@pytest.fixture
def done(user, reader):
    export = Export.objects.create(owner=user, filters={"genre": "novel"})
    export.finish(export.claim(), ContentFile(b"abc"), rows=1)
    return export


def end_session(client, user, how):
    if how == "session":
        client.session.flush()
    elif how == "logout":
        client.post("/logout/")
    else:
        user.set_password("secret")  # the same again still ends all sessions
        user.save()


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("button", BUTTONS)
def test_a_button_of_a_page_whose_session_has_ended_leads_back_to_the_page(reader, user, done, button, how):
    end_session(reader, user, how)
    login = reader.post(f"/exports/{done.pk}/{button}/")
    assert login.status_code == 302 and login["Location"].startswith("/login/?next=")
    page = reader.post(login["Location"], {"username": "reader", "password": "secret"}, follow=True)
    assert (page.status_code, page.request["PATH_INFO"]) == (200, f"/exports/{done.pk}/")
    assert [export.state for export in Export.objects.all()] == ["done"]  # nothing was done without a click


@pytest.mark.parametrize(
    "button, second, states",
    [("cancel", 302, ["done"]), ("retry", 302, ["done", "waiting"]), ("delete", 404, [])],
)
def test_a_button_that_is_pressed_twice_works_once(reader, done, button, second, states):
    path = f"/exports/{done.pk}/{button}/"
    assert [reader.post(path).status_code, reader.post(path).status_code] == [302, second]
    assert sorted(Export.objects.values_list("state", flat=True)) == states


def test_a_form_that_is_sent_again_with_the_back_button_is_one_export(reader):
    first, second = (reader.post("/exports/new/?genre=crime") for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Export.objects.count() == 1


def test_a_download_link_of_a_page_that_was_open_for_days_says_that_the_file_has_expired(reader, done):
    done.expire()
    answer = reader.get(f"/exports/{done.pk}/download/")
    assert answer.status_code == 410
    assert "The file has expired and was deleted." in answer.content.decode()


@pytest.mark.parametrize("path", ["progress/?state=done", *(f"{each}/" for each in BUTTONS)])
@pytest.mark.parametrize("method", ["get", "head"])
def test_a_crawler_with_a_session_changes_nothing(reader, done, path, method):
    answer = getattr(reader, method)(f"/exports/{done.pk}/{path}")
    assert answer.status_code in (200, 302)
    assert [export.state for export in Export.objects.all()] == ["done"]


def test_another_user_gets_nothing_from_an_address_in_the_history(reader, done):
    other = Client()
    other.force_login(User.objects.create_user("other"))
    for button in BUTTONS:
        assert reader.get(f"/exports/{done.pk}/{button}/").status_code == 302
        assert other.get(f"/exports/{done.pk}/{button}/", follow=True).status_code == 404
        assert other.post(f"/exports/{done.pk}/{button}/").status_code == 404
