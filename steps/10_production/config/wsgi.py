"""What gunicorn serves: `gunicorn config.wsgi`."""

import os

from django.core.exceptions import BadRequest
from django.core.wsgi import get_wsgi_application
from django.template.loader import render_to_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django_application = get_wsgi_application()


def application(environ, start_response):
    """Let Django answer the request. If Django can't even read its headers, answer 400.

    For example, Django takes the hex in `Content-Type: text/plain; charset=hex` for the name of a charset.
    """
    try:
        return django_application(environ, start_response)
    except (LookupError, ValueError, BadRequest):
        start_response("400 Bad Request", [("Content-Type", "text/html; charset=utf-8")])
        return [render_to_string("400.html").encode()]
