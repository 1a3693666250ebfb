"""Settings from environment variables."""

import os
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

QUOTE = "In user and password, write # as %23, / as %2F and ? as %3F."


def database(name, default):
    """Return an entry of DATABASES. Raise ImproperlyConfigured if the URL in the variable can't work."""
    url = os.environ.get(name) or default
    try:
        entry = dj_database_url.parse(url)
        is_known = entry["ENGINE"].endswith(("sqlite3", "postgresql"))
        is_valid = is_known and (entry["NAME"] or entry.get("OPTIONS")) and not ends_early(url)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ImproperlyConfigured(f"{name} must look like postgres://user:password@host/name. {QUOTE}")
    return entry


def ends_early(url):
    """Return whether user or password have an unquoted #, / or ?. The host of the URL would end there."""
    parts = urlsplit(url)
    return bool(parts.netloc and (parts.fragment or "@" in parts.path + parts.query))


def time_zone(name):
    """Return the name of a time zone. Raise ImproperlyConfigured if the variable has another name."""
    zone = os.environ.get(name) or "UTC"
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        raise ImproperlyConfigured(
            f"{name} must be the name of a time zone, such as Europe/Lisbon, not {zone!r}."
        ) from None
    return zone
