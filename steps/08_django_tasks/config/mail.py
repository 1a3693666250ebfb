"""Django's settings for email, from one URL."""

import re
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

PORTS = {"smtp": 25, "submission": 587, "smtps": 465}
# With an unquoted #, / or ? in the password, another text would be taken for the host. Django logs in only if there
# are both, a user and a password.
URL = re.compile(r"(smtp|submission|smtps)://([^/?#:]+:[^/?#]+@)?([\w.-]+|\[[\da-fA-F:]+\])(:\d+)?/?")
HINT = """EMAIL_URL must look like submission://user:password@host (or smtp:, or smtps:).
In user and password, write # as %23, / as %2F, ? as %3F and @ as %40. Give both or neither, in ASCII characters."""


def mailer(url, folder):
    """Return a mailer for Django 6.1's MAILERS. Without a URL, each email becomes a file in `folder`."""
    if not url:
        return {"BACKEND": "django.core.mail.backends.filebased.EmailBackend", "OPTIONS": {"file_path": str(folder)}}
    try:
        if not URL.fullmatch(url):
            raise ValueError
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
        parts.hostname.encode("idna")  # an invalid name is a ValueError
        username, password = unquote(parts.username or ""), unquote(parts.password or "")
        (username + password).encode("ascii")  # as smtplib does
    except ValueError:
        raise ImproperlyConfigured(HINT) from None
    options = {
        "host": parts.hostname,
        "port": port,
        "username": username,
        "password": password,
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
