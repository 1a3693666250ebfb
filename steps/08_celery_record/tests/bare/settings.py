"""The least that `manage.py` can start with, to compare with."""

INSTALLED_APPS = ["tests.bare"]
