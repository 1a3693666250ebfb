"""Settings from the environment that are more than text."""

import os

from django.core.exceptions import ImproperlyConfigured


def number(name, default, least=0):
    """A whole number from `least` on."""
    text = os.environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise ImproperlyConfigured(f"{name} must be a whole number from {least} on, not {text!r}.")
    return int(text)


def required(name):
    """What has no sensible default."""
    value = os.environ.get(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is missing. deploy/library.env shows all that a site needs.")
    return value


def one_of(name, values):
    """One of the values; the first, if there is no such variable."""
    value = os.environ.get(name) or values[0]
    if value not in values:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(values)}, not {value!r}.")
    return value
