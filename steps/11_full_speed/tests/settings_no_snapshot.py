"""This step's settings with PostgreSQL's default: each query of a transaction sees what was committed before it."""

from config.settings import *  # noqa: F403

DATABASES["snapshot"]["OPTIONS"] = {}  # noqa: F405
