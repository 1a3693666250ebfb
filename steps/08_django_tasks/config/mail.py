"""Django's settings for email, from one URL."""

import re
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

PORTS = {"smtp": 25, "submission": 587, "smtps": 465}
# With an unquoted # or / or ? in the password, another text would be taken for the host.
URL = re.compile(r"(smtp|submission|smtps)://([^/?#]+@)?([\w.-]+|\[[\da-fA-F:]+\])(:\d+)?/?")
HINT = """EMAIL_URL must look like submission://user:password@host (or smtp:, or smtps:).
In user and password, write # as %23, / as %2F, ? as %3F and @ as %40."""


def mailer(url, folder):
    """Return a mailer for Django 6.1's MAILERS. Without a URL, each email becomes a file in `folder`."""
    if not url:
        return {"BACKEND": "django.core.mail.backends.filebased.EmailBackend", "OPTIONS": {"file_path": str(folder)}}
    if not URL.fullmatch(url):
        raise ImproperlyConfigured(HINT)
    parts = urlsplit(url)
    options = {
        "host": parts.hostname,
        "port": parts.port or PORTS[parts.scheme],
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "use_tls": parts.scheme == "submission",
        "use_ssl": parts.scheme == "smtps",
        "timeout": 20,  # seconds
    }
    return {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}


def settings_before_6_1(mailer):
    """Return the same for Django 5.2 and 6.0, which have a setting for each option."""
    names = {"username": "EMAIL_HOST_USER", "password": "EMAIL_HOST_PASSWORD"}
    options = {names.get(name, f"EMAIL_{name.upper()}"): value for name, value in mailer["OPTIONS"].items()}
    return {"EMAIL_BACKEND": mailer["BACKEND"], **options}
