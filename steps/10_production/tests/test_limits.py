"""One export for the same request, a quota for each user, and a limit for the machine."""

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import IntegrityError

from exports.models import Export
from tests.exporting import ADDRESS, NEW

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return User.objects.create_user("reader", ADDRESS)


@pytest.fixture
def reader(client, user, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    client.force_login(user)
    return client


def finish(export):
    export.finish(export.claim(), ContentFile(b"abc"), rows=1)


def test_a_double_click_is_one_export(reader):
    first, second = (reader.post(f"{NEW}?genre=novel")["Location"] for _ in range(2))
    assert first == second
    assert reader.post(f"{NEW}?genre=crime")["Location"] != first
    assert Export.objects.count() == 2


def test_another_spelling_is_the_same_request(reader):
    spellings = ["q=island&published_from=2001-01-01", "published_from=2001-1-1&q=+island+&genre=", "raw=0&q=island&"]
    urls = [reader.post(f"{NEW}?{query}")["Location"] for query in spellings]
    assert urls[0] == urls[1] != urls[2]
    assert Export.objects.get(pk=urls[0].split("/")[2]).filters == {"q": "island", "published_from": "2001-01-01"}


def test_the_database_refuses_a_second_active_export_with_the_same_filters(user):
    Export.objects.create(owner=user, filters={"q": "a"})
    with pytest.raises(IntegrityError):
        Export.objects.create(owner=user, filters={"q": "a"})


def test_when_it_has_ended_the_same_request_is_a_new_export(reader):
    first = reader.post(NEW)["Location"]
    assert reader.post(NEW)["Location"] == first
    finish(Export.objects.get())
    assert reader.post(NEW)["Location"] != first


def test_a_user_who_has_enough_can_delete_one(reader, settings):
    settings.EXPORT_QUOTA = 2
    for genre in ("novel", "crime"):
        reader.post(f"{NEW}?genre={genre}")
    answer = reader.post(f"{NEW}?genre=poetry")
    assert (answer.status_code, answer["Retry-After"]) == (429, "3600")
    assert "You have too many exports (2). Delete or cancel one, and try again." in answer.content.decode()
    export = Export.objects.first()
    finish(export)
    assert reader.post(f"{export.get_absolute_url()}delete/")["Location"] == "/exports/"
    assert reader.post(f"{NEW}?genre=poetry").status_code == 302


def test_failed_and_cancelled_exports_do_not_count(reader, settings):
    settings.EXPORT_QUOTA = 1
    reader.post(NEW)
    answer = reader.post(f"{NEW}?q=island")
    assert answer.status_code == 429 and "too many exports (1)" in answer.content.decode()
    reader.post(f"{Export.objects.get().get_absolute_url()}cancel/")
    assert reader.post(NEW).status_code == 302


def test_with_the_subprocess_backend_a_busy_server_says_so(reader, settings):
    settings.EXPORT_RUNNER, settings.EXPORT_MAX_RUNNING = "subprocess", 2
    for genre in ("novel", "crime"):
        assert reader.post(f"{NEW}?genre={genre}").status_code == 302
    answer = reader.post(f"{NEW}?genre=poetry")
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    assert "The server is busy. Please try again in a minute." in answer.content.decode()


def test_a_queue_needs_no_such_limit(reader, settings):
    settings.EXPORT_MAX_RUNNING = 1
    assert [reader.post(f"{NEW}?q={number}").status_code for number in range(3)] == [302] * 3
    settings.EXPORT_RUNNER = "subprocess"
    assert reader.post(f"{NEW}?q=another").status_code == 503
