"""The settings of step 11 with the backend of a runner, for the measurement `exports`.

The leases are as short as those of the runner, so that an export whose worker was killed is found soon.
"""

import os

from runners import Options, load

options = Options.read(os.environ)
os.environ |= {
    "DATA_DIR": str(options.folder / "data"),
    "DATABASE_URL": options.database or f"sqlite:///{options.folder / 'db.sqlite3'}",
    "CELERY_BROKER_URL": options.broker,
    "EXPORT_LEASE": str(options.lease or 60),
    "EXPORT_START_TIMEOUT": str(options.lease or 300),
    "EXPORT_BACKOFF": "1",
}

from config.settings import *  # noqa: E402, F403
from config.settings import INSTALLED_APPS, STORAGES  # noqa: E402

added = load(options.runner).settings(options)
INSTALLED_APPS = list(dict.fromkeys([*INSTALLED_APPS, *added.pop("INSTALLED_APPS")]))
EXPORT_RUNNER = "default"
STORAGES = {**STORAGES, "default": {"BACKEND": "runners.project.export_views.HoldingStorage"}}
ROOT_URLCONF = "runners.project.export_urls"
WSGI_APPLICATION = "runners.project.wsgi.application"
globals().update(added)
