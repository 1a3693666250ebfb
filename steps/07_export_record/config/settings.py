"""Settings that need no server. One environment variable each moves to the real thing.

DATABASE_URL  postgres://user:password@host/name (default: SQLite in this folder)
EMAIL_URL     submission://user:password@host    (default: a file in DATA_DIR/mail for each mail)
DATA_DIR      a folder for what the site makes   (default: data in this folder)
SITE_URL      https://books.example.com          (default: http://127.0.0.1:8000)
EXPORT_MAIL_LIMIT  bytes that a mail may have    (default: 10000000)
DEBUG         1 shows tracebacks in the browser  (default: they go to the log only)
"""

import os
from pathlib import Path

import dj_database_url
import django

from config.env import number
from config.mail import mailer, settings_before_6_1

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DATA_DIR") or BASE_DIR / "data").resolve()

DEBUG = os.environ.get("DEBUG") == "1"
# Good enough for your own machine, and only there: step 10 takes it from the environment.
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
    "django_htmx",
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
    "django_htmx.middleware.HtmxMiddleware",
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
    "default": dj_database_url.parse(os.environ.get("DATABASE_URL") or f"sqlite:///{BASE_DIR / 'db.sqlite3'}"),
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # WAL: who reads never blocks who writes, and the other way round.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,  # seconds that a writer waits for another writer
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# A second connection to the same database. An export writes its progress here, while it reads the
# books over the first: SQLite refuses a write on a connection that is still reading an older state.
DATABASES["progress"] = {**DATABASES["default"], "TEST": {"MIRROR": "default"}}

MAILER = mailer(os.environ.get("EMAIL_URL"), DATA_DIR / "mail")
if django.VERSION >= (6, 1):
    MAILERS = {"default": MAILER}
else:
    globals().update(settings_before_6_1(MAILER))
DEFAULT_FROM_EMAIL = "library@example.com"

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    # No address leads to these files. A view hands them out, to their owners.
    "exports": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "exports", "file_permissions_mode": 0o600},
    },
}
EXPORT_TEMP = DATA_DIR / "unfinished"  # on the same disk: a finished file is moved, not copied
EXPORT_LOGS = DATA_DIR / "logs"
EXPORT_MAIL_LIMIT = number("EXPORT_MAIL_LIMIT", 10_000_000)  # bytes of a whole mail, as sent
SITE_URL = (os.environ.get("SITE_URL") or "http://127.0.0.1:8000").rstrip("/")  # for the links in mails

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "book-list"

OPEN_LIBRARY_URL = os.environ.get("OPEN_LIBRARY_URL") or "https://openlibrary.org"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# WhiteNoise serves the style sheet from the app's own folder: no collectstatic to forget.
STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True

# An error shows the visitor a plain page (templates/500.html) and the log its traceback.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "exports": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
