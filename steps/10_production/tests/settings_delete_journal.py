"""This step's settings with SQLite's default journal, in which a reader blocks a writer."""

from config.settings import *  # noqa: F403

for database in DATABASES.values():  # noqa: F405
    database["OPTIONS"]["init_command"] = "PRAGMA journal_mode=DELETE;"
