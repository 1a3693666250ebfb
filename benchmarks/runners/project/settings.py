"""Settings of the benchmark's project. Each runner adds its own."""

import os
from pathlib import Path

import dj_database_url

from runners import Options, load

options = Options.read(os.environ)
runner = load(options.runner)
BASE_DIR = Path(__file__).resolve().parent
DATA_DIR = options.folder

SECRET_KEY = "not-a-secret"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "runners.project.urls"
WSGI_APPLICATION = "runners.project.wsgi.application"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {"default": dj_database_url.parse(options.database or f"sqlite:///{DATA_DIR / 'db.sqlite3'}")}
if not options.database:
    DATABASES["default"]["OPTIONS"] = {  # as in the steps
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }

DATABASES["default"]["CONN_MAX_AGE"] = options.age
DATABASES["snapshot"] = {**DATABASES["default"]}  # from which the library reads the books

added = runner.settings(options) if hasattr(runner, "settings") else {}
RUNNER = options.runner
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "library",
    "runners.project",
    *added.pop("INSTALLED_APPS", []),
]
globals().update(added)
