"""Settings for the tutorial. They need no server. Each of these environment variables changes one thing.

DATABASE_URL  postgres://user:password@host/name     (default: SQLite in this folder)
DEBUG         1 shows tracebacks in the browser      (default: only the log has them)
TIME_ZONE     such as Europe/Lisbon                  (default: UTC)
"""

import os
from pathlib import Path

from config.env import database, time_zone

BASE_DIR = Path(__file__).resolve().parent.parent

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
    "django_filters",
    "library",
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
