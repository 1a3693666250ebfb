"""This step's settings without TASKS."""

from config.settings import *  # noqa: F403

del TASKS  # noqa: F821
EXPORT_RUNNER = "default"
for database in DATABASES.values():  # noqa: F405
    database["OPTIONS"] = {**database["OPTIONS"], "timeout": 1}  # seconds
