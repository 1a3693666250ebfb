"""Settings that need no server. One environment variable each moves to the real thing.

DATABASE_URL  postgres://user:password@host/name (default: SQLite in this folder)
EMAIL_URL     submission://user:password@host    (default: a file in DATA_DIR/mail for each mail)
DATA_DIR      a folder for what the site makes   (default: data in this folder)
SITE_URL      https://books.example.com          (default: http://127.0.0.1:8000)
STORAGE_URL   s3://bucket for many machines      (default: a file in DATA_DIR/exports for each export)
EXPORT_RUNNER      spawn, or celery              (default: spawn)
CELERY_BROKER_URL  amqp://… or redis://…         (default: files in DATA_DIR/broker)
EXPORT_MAIL_LIMIT  bytes that a mail may have    (default: 10000000)
EXPORT_LEASE, EXPORT_BACKOFF, EXPORT_TIME_LIMIT, CELERY_VISIBILITY_TIMEOUT: seconds; see below
DEBUG         1 shows tracebacks in the browser  (default: they go to the log only)
"""

import os
from pathlib import Path

import dj_database_url
import django
from django.core.exceptions import ImproperlyConfigured

from config.env import number, one_of
from config.mail import mailer, settings_before_6_1
from config.storage import export_storage

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
    "comparison",
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
    "exports": export_storage(os.environ.get("STORAGE_URL"), DATA_DIR / "exports"),
}
EXPORT_TEMP = DATA_DIR / "unfinished"  # on the same disk: a finished file is moved, not copied
EXPORT_LOGS = DATA_DIR / "logs"
EXPORT_MAIL_LIMIT = number("EXPORT_MAIL_LIMIT", 10_000_000)  # bytes of a whole mail, as sent
SITE_URL = (os.environ.get("SITE_URL") or "http://127.0.0.1:8000").rstrip("/")  # for the links in mails

EXPORT_RUNNER = one_of("EXPORT_RUNNER", ["spawn", "celery"])
EXPORT_LEASE = number(
    "EXPORT_LEASE", 60, least=1
)  # seconds without a sign of life after which a running export is dead
EXPORT_ATTEMPTS = 5
EXPORT_BACKOFF = number("EXPORT_BACKOFF", 10)  # seconds before the second attempt; before each further one twice that
EXPORT_TIME_LIMIT = number("EXPORT_TIME_LIMIT", 1500)  # seconds that a worker gives an export: RabbitMQ waits 1800

CELERY_APP = "config.celery.app"
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL") or "filesystem://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}
if CELERY_BROKER_URL.startswith("filesystem"):  # one folder for both directions, and one for its own notes
    BROKER = str(DATA_DIR / "broker")
    CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_in": BROKER, "data_folder_out": BROKER}
    CELERY_BROKER_TRANSPORT_OPTIONS |= {"control_folder": f"{BROKER}/control", "polling_interval": 0.2}
elif CELERY_BROKER_URL.startswith("redis"):  # who took a task and is silent for so many seconds has lost it
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": number("CELERY_VISIBILITY_TIMEOUT", 600)}
    CELERY_BROKER_TRANSPORT_OPTIONS |= {"socket_timeout": 5, "socket_connect_timeout": 5}  # seconds
elif CELERY_BROKER_URL.startswith("amqp"):  # RabbitMQ has to say that it has the task before the reader is told so
    CELERY_BROKER_TRANSPORT_OPTIONS = {"confirm_publish": True}
else:
    raise ImproperlyConfigured("CELERY_BROKER_URL must begin with amqp://, redis:// or filesystem://.")
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1}  # a reader waits for it
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "exports"  # the one that a worker serves unless told otherwise
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # no worker holds back what another could begin

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
