"""Headers that Django can't read get our page for the status 400."""

from wsgiref.util import setup_testing_defaults

import pytest

from config.wsgi import application

pytestmark = [pytest.mark.django_db, pytest.mark.covers("config/wsgi.py")]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain; charset=hex",
        "application/x-www-form-urlencoded; charset=base64",
        "multipart/form-data; boundary=x; charset=rot13",
        "text/plain; charset=undefined",
        "text/plain; charset=a\0b",
        "text/plain; title*=nocharset''a%20b",
    ],
)
def test_headers_that_django_cannot_read_get_a_400(content_type):
    answers = []
    environ = {
        "CONTENT_TYPE": content_type,
        "REQUEST_METHOD": "POST",
        "QUERY_STRING": "q=%C3%A9",
        "PATH_INFO": "/books/",
    }
    setup_testing_defaults(environ)
    body = b"".join(application(environ, lambda status, headers: answers.append(status)))
    assert answers == ["400 Bad Request"] and b"<h1>Bad request</h1>" in body
