"""Settings for a site that strangers reach: DJANGO_SETTINGS_MODULE=config.production.

Besides the variables of config/settings.py it needs

SECRET_KEY     fifty random characters: python -c "import secrets; print(secrets.token_urlsafe(50))"
ALLOWED_HOSTS  books.example.com (several: with commas between them)
SITE_URL       https://books.example.com
EMAIL_FROM     library@books.example.com
DATABASE_URL and EMAIL_URL, whose defaults are for learners

All of them are in deploy/library.env.
"""

from config.env import required
from config.settings import *

SECRET_KEY = required("SECRET_KEY")
DEBUG = False
ALLOWED_HOSTS = [*required("ALLOWED_HOSTS").replace(" ", "").split(","), "127.0.0.1"]  # for /health/, from this machine
DEFAULT_FROM_EMAIL = required("EMAIL_FROM")
for name in ("DATABASE_URL", "EMAIL_URL"):  # settings.py has read them, or its defaults for learners
    required(name)
SITE_URL = required("SITE_URL").rstrip("/")
if not SITE_URL.startswith("https://"):
    raise ImproperlyConfigured("SITE_URL must begin with https://.")

# nginx ends the encryption, and says so in this header (deploy/nginx.conf).
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = ["^health/$"]  # asked from this machine, over plain HTTP
SECURE_HSTS_SECONDS = 3600  # browsers keep to it, right or wrong: an hour at first, and later a year (31_536_000)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # what else is on the domain is not ours to decide
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
CSRF_TRUSTED_ORIGINS = [SITE_URL]

# Without these, "1" is a password. Django asks them in the admin, in createsuperuser and in changepassword.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}Validator"}
    for name in ("UserAttributeSimilarity", "MinimumLength", "CommonPassword", "NumericPassword")
]

# One JSON object a line, each with the id of the export that it is about.
LOGGING["filters"] = {"export": {"()": "exports.logs.WithExport"}}
LOGGING["formatters"] = {
    "json": {
        "()": "pythonjsonlogger.json.JsonFormatter",
        "format": "{asctime}{levelname}{name}{message}{export}",
        "style": "{",
        "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
    }
}
LOGGING["root"] = {"handlers": ["console"], "level": "WARNING"}
LOGGING["handlers"]["console"] |= {"formatter": "json", "filters": ["export"]}
