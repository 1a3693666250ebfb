"""Settings for the tutorial. They need no server. Each of these environment variables changes one thing.

DATABASE_URL  postgres://user:password@host/name     (default: SQLite in this folder)
EMAIL_URL     submission://user:password@host        (default: a file in DATA_DIR/mail for each email)
STORAGE_URL   s3://bucket/prefix                     (default: files in DATA_DIR/files)
DATA_DIR      the folder for the files of the site   (default: data in this folder)
SITE_URL      https://books.example.com              (default: http://127.0.0.1:8000)
EXPORT_MAIL_LIMIT      bytes of an email             (default: 10000000)
EXPORT_RUNNER      database, subprocess or celery     (default: database)
EXPORT_LEASE, EXPORT_START_TIMEOUT, EXPORT_BACKOFF, EXPORT_TIME_LIMIT: seconds, see below
EXPORT_MAX_RUNNING, EXPORT_QUOTA, EXPORT_RETENTION_DAYS: see below
CELERY_BROKER_URL  amqp://... or redis://...          (default: files in DATA_DIR/broker)
DEBUG         1 shows tracebacks in the browser      (default: only the log has them)
TIME_ZONE     such as Europe/Lisbon                  (default: UTC)
"""

import os
from contextlib import suppress
from pathlib import Path

import django
from kombu.transport import TRANSPORT_ALIASES

from backends.compat import APPS
from config.env import broker, database, number, one_of, site_url, time_zone
from config.mail import mailer, settings_before_6_1
from config.storage import storage

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
    "django_htmx",
    *APPS,
    "django_tasks_db",
    "library",
    "exports",
    "backends",
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
# A second connection to the same database. A running export saves its progress over this connection.
DATABASES["progress"] = {**DATABASES["default"], "TEST": {"MIRROR": "default"}}

# A third connection, on which the books are read. It differs from the second in one option, so that a transaction sees
# one state of the database from its first query to its last, whatever others write.
SNAPSHOT = {"transaction_mode": "DEFERRED"}  # on SQLite, it doesn't keep others from writing
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    from psycopg import IsolationLevel

    SNAPSHOT = {"isolation_level": IsolationLevel.REPEATABLE_READ}
DATABASES["snapshot"] = DATABASES["progress"] | {"OPTIONS": DATABASES["progress"].get("OPTIONS", {}) | SNAPSHOT}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MAILERS = {"default": mailer(os.environ.get("EMAIL_URL"), DATA_DIR / "mail")}
if django.VERSION < (6, 1):
    globals().update(settings_before_6_1(MAILERS["default"]))
DEFAULT_FROM_EMAIL = "library@example.com"

EXPORT_TMP_DIR = DATA_DIR / "tmp"  # for unfinished files
EXPORT_ACCEL_URL = os.environ.get("EXPORT_ACCEL_URL", "")  # where nginx finds MEDIA_ROOT, see deploy/nginx.conf
MEDIA_ROOT = DATA_DIR / "files"  # no URL leads here, so a view returns these files
FILE_UPLOAD_PERMISSIONS = None  # no chmod, which many network shares deny
STORAGES = {
    "default": storage(os.environ.get("STORAGE_URL")),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
SITE_URL = site_url("SITE_URL", "http://127.0.0.1:8000")  # for links in emails
EXPORT_MAIL_LIMIT = number("EXPORT_MAIL_LIMIT", 10_000_000, most=10**12)  # bytes of a whole email

TASKS = {
    "database": {"BACKEND": "django_tasks_db.DatabaseBackend"},
    "subprocess": {"BACKEND": "backends.subprocess.SubprocessBackend"},
    "celery": {"BACKEND": "backends.celery.CeleryBackend"},
}
EXPORT_RUNNER = one_of("EXPORT_RUNNER", list(TASKS))
EXPORT_LEASE = number("EXPORT_LEASE", 60)  # seconds without a heartbeat until a worker counts as dead
EXPORT_START_TIMEOUT = number("EXPORT_START_TIMEOUT", 300)  # seconds until the reaper starts a waiting export again
EXPORT_TIME_LIMIT = number("EXPORT_TIME_LIMIT", 3600)  # seconds, after which a try is stopped
EXPORT_MAX_RUNNING = number("EXPORT_MAX_RUNNING", 4)  # processes at a time; only the subprocess backend starts any
EXPORT_QUOTA = number("EXPORT_QUOTA", 100)  # exports that a user can have: waiting, running, or with a file
EXPORT_RETENTION_DAYS = number("EXPORT_RETENTION_DAYS", 7, most=36_500)  # days that a file is kept
EXPORT_BACKOFF = number("EXPORT_BACKOFF", 10)  # seconds before the second try, and twice as long before each later one

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
    "loggers": {
        "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
        "exports": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
