"""This step's settings without TASKS, as if somebody had forgotten them."""

from config.settings import *  # noqa: F403

del TASKS  # noqa: F821
EXPORT_RUNNER = "default"
for database in DATABASES.values():  # noqa: F405
    database["OPTIONS"] = {**database.get("OPTIONS", {}), "timeout": 1} if "sqlite3" in database["ENGINE"] else {}
