"""What gunicorn serves: `gunicorn config.wsgi`."""

import os

from django.core.exceptions import BadRequest
from django.core.wsgi import get_wsgi_application
from django.template.loader import render_to_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django_application = get_wsgi_application()


def application(environ, start_response):
    """Answer 400 to headers that Django can't read, because Django fails before it calls the first middleware.

    Scanners send them to each public site, for example `Content-Type: text/plain; charset=hex`. Otherwise each of these
    requests would be a 500, with a traceback in the log.
    """
    try:
        return django_application(environ, start_response)
    except (LookupError, ValueError, BadRequest):
        start_response("400 Bad Request", [("Content-Type", "text/html; charset=utf-8")])
        return [render_to_string("400.html").encode()]
