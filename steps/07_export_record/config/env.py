"""Settings from environment variables."""

import os
import re
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from kombu.transport import TRANSPORT_ALIASES

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


def number(name, default, most=1_000_000):
    """Return the whole number that the environment variable has. Raise ImproperlyConfigured if it isn't one."""
    text = os.environ.get(name) or str(default)
    if not (re.fullmatch("[0-9]{1,15}", text) and 1 <= int(text) <= most):
        raise ImproperlyConfigured(f"{name} must be a whole number from 1 to {most:,}, not {text!r}.")
    return int(text)


def site_url(name, default):
    """Return the URL that links begin with, without a slash at the end. Raise ImproperlyConfigured if it can't work."""
    url = (os.environ.get(name) or default).rstrip("/")
    if not re.fullmatch(r"https?://([a-zA-Z\d.-]+|\[[\da-fA-F:]+\])(:\d{1,5})?(/[\w./~-]*)?", url, re.ASCII):
        raise ImproperlyConfigured(f"{name} must look like https://books.example.com, not {url!r}.")
    return url


def one_of(name, values):
    """Return the value of the environment variable, or the first of the values if it isn't set."""
    value = os.environ.get(name) or values[0]
    if value not in values:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(values)}, not {value!r}.")
    return value


def broker(name):
    """Return the URL of Celery's broker. Raise ImproperlyConfigured if the URL in the variable can't work."""
    url = os.environ.get(name) or "filesystem://"
    try:
        is_valid = urlsplit(url).scheme.partition("+")[0] in TRANSPORT_ALIASES and not ends_early(url)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ImproperlyConfigured(f"{name} must look like amqp://user:password@host/ or redis://host/0. {QUOTE}")
    return url
