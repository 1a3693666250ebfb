"""This step's settings, with Celery's options from the environment variable CELERY_OPTIONS (JSON)."""

import json
import os

from config.settings import *  # noqa: F403

globals().update({f"CELERY_{name}": value for name, value in json.loads(os.environ["CELERY_OPTIONS"]).items()})
