"""This step's settings, with the views of tests/alternatives.py."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.alternatives"
