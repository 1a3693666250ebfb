"""This step's settings with SQLite's default journal, in which a reader blocks a writer."""

from config.settings import *  # noqa: F403

DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=DELETE;"  # noqa: F405
