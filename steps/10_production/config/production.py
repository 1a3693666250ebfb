"""Settings for a site that others can reach: DJANGO_SETTINGS_MODULE=config.production.

deploy/library.env has all environment variables. A secret or an address has no default here.
"""

import os
from email.policy import default as email_policy
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.http.request import validate_host

from config.env import number, required
from config.settings import *

SECRET_KEY = required("SECRET_KEY")
DEBUG = False
ALLOWED_HOSTS = [*required("ALLOWED_HOSTS").replace(" ", "").split(","), "127.0.0.1"]  # the monitor asks for /health/
DEFAULT_FROM_EMAIL = required("EMAIL_FROM")
sender = email_policy.header_factory("From", DEFAULT_FROM_EMAIL)  # Django parses it like this for each email
if sender.defects or len(sender.addresses) != 1:
    raise ImproperlyConfigured('EMAIL_FROM must be an address, such as "The Library" <library@books.example.com>.')
# Without these, the site would use the learner's defaults of config/settings.py.
for name in ("DATABASE_URL", "EMAIL_URL", "DATA_DIR"):
    required(name)
if EXPORT_RUNNER == "celery":
    required("CELERY_BROKER_URL")
if not required("SITE_URL").startswith("https://"):
    raise ImproperlyConfigured("SITE_URL must begin with https://.")
if not validate_host(urlsplit(SITE_URL).hostname, ALLOWED_HOSTS):
    raise ImproperlyConfigured("ALLOWED_HOSTS must have the host of SITE_URL, without https:// and without a port.")

# nginx ends the encryption, and says so in this header (deploy/nginx.conf).
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = ["^health/$"]  # the monitor uses plain HTTP
# Browsers remember this time. Begin with an hour, and use a year (31536000) when everything works.
SECURE_HSTS_SECONDS = number("SECURE_HSTS_SECONDS", 3600, most=10**9)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # HSTS for subdomains is for the owner of the domain
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
CSRF_TRUSTED_ORIGINS = [f"https://{urlsplit(SITE_URL).netloc}"]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}Validator"}
    for name in ("UserAttributeSimilarity", "MinimumLength", "CommonPassword", "NumericPassword")
]

# A locked row must not hold all requests, and a client that reads nothing must not hold a transaction. A command that
# needs more time, such as migrate, has its own timeouts in PGOPTIONS.
TIMEOUTS = "-c lock_timeout=3s -c statement_timeout={seconds}s -c idle_in_transaction_session_timeout=60s"
# Other defaults of the server would break our updates, and Python can't read other dates.
FIXED = r"-c default_transaction_isolation=read\ committed -c DateStyle=ISO"

for alias, database in DATABASES.items():
    database.update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)  # seconds
    if database["ENGINE"] == "django.db.backends.postgresql":
        reads_exports = alias == "snapshot"  # in a transaction, and for a long time
        # Outside of a transaction, PgBouncer can run the next query on another connection, which has no such cursor.
        database["DISABLE_SERVER_SIDE_CURSORS"] = not reads_exports
        timeouts = os.environ.get("PGOPTIONS") or TIMEOUTS.format(seconds=EXPORT_TIME_LIMIT if reads_exports else 30)
        given = database.get("OPTIONS", {})  # from DATABASE_URL and config/settings.py
        database["OPTIONS"] = {**given, "options": f"{given.get('options', '')} {FIXED} {timeouts}"}

# collectstatic copies the static files, with a hash in each name. Browsers keep them for years (WhiteNoise).
STATIC_ROOT = DATA_DIR / "static"
STORAGES["staticfiles"] = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}

# Django and the exports log JSON objects, one in each line. "export" is the id of the export that the line is about.
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
LOGGING["filters"] = {"export": {"()": "exports.logs.ExportFilter"}}
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

# Sentry gets what is logged with the level ERROR, as after each failed try of an export. Install sentry-sdk for it.
if os.environ.get("SENTRY_DSN"):
    import sentry_sdk

    sentry_sdk.init(dsn=os.environ["SENTRY_DSN"], send_default_pii=False)
