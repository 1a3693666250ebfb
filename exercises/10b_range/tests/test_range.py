"""Exercise 10b: a download can be continued."""

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile

from exports.models import Export

pytestmark = pytest.mark.django_db(transaction=True)
CONTENT = bytes(range(256)) * 100


@pytest.fixture
def get(client):
    client.force_login(User.objects.create_user("reader"))
    export = Export.objects.create(owner=User.objects.get(), state="done", size=len(CONTENT))
    export.file.save(f"{export.pk}.csv", ContentFile(CONTENT))

    def get(value=None):
        headers = {"Range": value} if value else {}
        response = client.get(f"/exports/{export.pk}/download/", headers=headers)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        response.close()
        return response, body

    yield get
    export.file.storage.delete(f"{export.pk}.csv")


@pytest.mark.parametrize(
    "value, start, end", [("bytes=10-19", 10, 19), ("bytes=0-0", 0, 0), ("bytes=25000-", 25000, 25599)]
)
def test_a_part(get, value, start, end):
    response, body = get(value)
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {start}-{end}/25600"
    assert response["Content-Length"] == str(end - start + 1)
    assert body == CONTENT[start : end + 1]


def test_a_part_that_is_longer_than_the_file_is_its_rest(get):
    response, body = get("bytes=25590-99999")
    assert (response.status_code, response["Content-Range"]) == (206, "bytes 25590-25599/25600")
    assert body == CONTENT[25590:]


def test_a_part_that_is_not_there(get):
    response, _ = get("bytes=25600-25601")
    assert (response.status_code, response["Content-Range"]) == (416, "bytes */25600")


@pytest.mark.parametrize("value", ["lines=1-2", "bytes=9-3", "bytes=a-b"])
def test_what_is_no_range_is_the_whole_file(get, value):
    assert get("bytes=0-1")[1] == CONTENT[:2]
    response, body = get(value)
    assert (response.status_code, body) == (200, CONTENT)


def test_the_whole_file_offers_parts(get):
    response, body = get()
    assert (response.status_code, response["Accept-Ranges"], body) == (200, "bytes", CONTENT)
    assert response["Content-Disposition"].startswith("attachment")
