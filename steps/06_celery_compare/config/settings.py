"""Settings for the tutorial. They need no server. Each of these environment variables changes one thing.

DATABASE_URL  postgres://user:password@host/name     (default: SQLite in this folder)
EMAIL_URL     submission://user:password@host        (default: a file in DATA_DIR/mail for each email)
DATA_DIR      the folder for the files of the site   (default: data in this folder)
SITE_URL      https://books.example.com              (default: http://127.0.0.1:8000)
EXPORT_MAIL_LIMIT      bytes of an email             (default: 10000000)
EXPORT_RETENTION_DAYS  days that a link works        (default: 7)
EXPORT_RUNNER      subprocess or celery               (default: subprocess)
CELERY_BROKER_URL  amqp://... or redis://...          (default: files in DATA_DIR/broker)
DEBUG         1 shows tracebacks in the browser      (default: only the log has them)
TIME_ZONE     such as Europe/Lisbon                  (default: UTC)
"""

import os
from contextlib import suppress
from pathlib import Path

import django
from kombu.transport import TRANSPORT_ALIASES

from config.env import broker, database, number, one_of, site_url, time_zone
from config.mail import mailer, settings_before_6_1

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = (BASE_DIR / (os.environ.get("DATA_DIR") or "data")).resolve()

DEBUG = os.environ.get("DEBUG") == "1"
# For your own machine only. Step 10 reads the key from the environment.
SECRET_KEY = "not-a-secret"
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_filters",
    "library",
    "exports",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": database("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}"),
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    if (entry := DATABASES["default"])["NAME"] != ":memory:":
        entry["NAME"] = BASE_DIR / entry["NAME"]  # the same file, whatever folder a command is run in
    DATABASES["default"]["OPTIONS"] = {
        # With WAL, readers don't block writers, and writers don't block readers.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds to wait for another writer
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MAILERS = {"default": mailer(os.environ.get("EMAIL_URL"), DATA_DIR / "mail")}
if django.VERSION < (6, 1):
    globals().update(settings_before_6_1(MAILERS["default"]))
DEFAULT_FROM_EMAIL = "library@example.com"

MEDIA_ROOT = DATA_DIR / "files"  # no URL leads here, so a view returns these files
FILE_UPLOAD_PERMISSIONS = None  # no chmod, which many network shares deny
SITE_URL = site_url("SITE_URL", "http://127.0.0.1:8000")  # for links in emails
EXPORT_MAIL_LIMIT = number("EXPORT_MAIL_LIMIT", 10_000_000, most=10**12)  # bytes of a whole email
EXPORT_RETENTION_DAYS = number("EXPORT_RETENTION_DAYS", 7, most=36_500)

EXPORT_RUNNER = one_of("EXPORT_RUNNER", ["subprocess", "celery"])
CELERY_BROKER_URL = broker("CELERY_BROKER_URL")
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("CELERY_TASK_DEFAULT_QUEUE") or "exports"
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1}  # a user waits for the answer
if CELERY_BROKER_URL.startswith(("redis:", "rediss:")):
    # Without these timeouts, a Redis that doesn't answer blocks the request.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 5}  # seconds
elif CELERY_BROKER_URL.startswith("filesystem:"):
    # Tasks are files in a folder. This needs no server, but it's only for one machine.
    TRANSPORT_ALIASES["filesystem"] = "config.folder_broker:Transport"
    BROKER = DATA_DIR / "broker"
    with suppress(OSError):  # a command that needs no broker works without this folder
        BROKER.mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER),
        "data_folder_out": str(BROKER),
        "control_folder": str(BROKER / "control"),
        "polling_interval": 0.2,  # seconds
    }

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "book-list"

OPEN_LIBRARY_URL = os.environ.get("OPEN_LIBRARY_URL") or "https://openlibrary.org"

LANGUAGE_CODE = "en"
TIME_ZONE = time_zone("TIME_ZONE")
USE_TZ = True

# WhiteNoise serves the style sheet from the app's own folder, so collectstatic isn't needed.
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True

# After an error the user sees templates/500.html, and the log has the traceback.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"django": {"handlers": ["console"], "level": "INFO", "propagate": False}},
}
