"""Settings from the environment that are more than text."""

import os

from django.core.exceptions import ImproperlyConfigured


def number(name, default, least=0):
    """A whole number from `least` on."""
    text = os.environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise ImproperlyConfigured(f"{name} must be a whole number from {least} on, not {text!r}.")
    return int(text)
