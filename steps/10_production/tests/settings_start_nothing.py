"""This step's settings, but each process of the subprocess backend ends before it begins: it finds no manage.py."""

from config.settings import *  # noqa: F403

BASE_DIR = DATA_DIR  # noqa: F405
