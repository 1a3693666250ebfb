"""Where mail goes: one URL for the settings that Django has for it."""

from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

PORTS = {"smtp": 25, "submission": 587, "smtps": 465}


def mailer(url, folder):
    """A mailer as Django 6.1 has it in MAILERS. Without a URL each mail is a file in `folder`."""
    if not url:
        return {"BACKEND": "django.core.mail.backends.filebased.EmailBackend", "OPTIONS": {"file_path": str(folder)}}
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        port = None
    if not port or not parts.hostname:
        raise ImproperlyConfigured("EMAIL_URL must look like submission://user:password@host (or smtp:, or smtps:).")
    options = {
        "host": parts.hostname,
        "port": port,
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "use_tls": parts.scheme == "submission",
        "use_ssl": parts.scheme == "smtps",
        "timeout": 20,  # seconds
    }
    return {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}


def settings_before_6_1(mailer):
    """The same for Django 5.2 and 6.0, which have a setting for each option."""
    names = {"username": "EMAIL_HOST_USER", "password": "EMAIL_HOST_PASSWORD"}
    options = {names.get(name, f"EMAIL_{name.upper()}"): value for name, value in mailer["OPTIONS"].items()}
    return {"EMAIL_BACKEND": mailer["BACKEND"], **options}
