"""The application of the project in this folder, for gunicorn's --preload: everything imported, nothing connected.

Django imports the views when the first request comes. A worker with a short timeout would be killed while it does that.
"""

from django.db import connections
from django.urls import get_resolver

from config.wsgi import application

__all__ = ["application"]

get_resolver().url_patterns  # noqa: B018
connections.close_all()  # so that no worker inherits a connection
