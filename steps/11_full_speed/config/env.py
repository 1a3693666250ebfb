"""Settings from environment variables."""

import os

from django.core.exceptions import ImproperlyConfigured


def number(name, default, least=1, most=10**12):
    """Return the whole number that the environment variable has. Raise ImproperlyConfigured if it isn't one."""
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise ImproperlyConfigured(f"{name} must be a whole number from {least} to {most:,}, not {text!r}.")
    return int(text)


def required(name):
    """Return the environment variable. Raise ImproperlyConfigured if it isn't set."""
    value = os.environ.get(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is missing. deploy/library.env has all variables of a site.")
    return value


def one_of(name, values):
    """Return the value of the environment variable, or the first of the values if it isn't set."""
    value = os.environ.get(name) or values[0]
    if value not in values:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(values)}, not {value!r}.")
    return value
