"""Chromium, as the tools of the site use it."""

import shutil
from contextlib import contextmanager

from tutorial import UserError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def executable():
    """Where Chromium is, or what to do about it."""
    if path := next(filter(None, map(shutil.which, NAMES)), None):
        return path
    raise UserError("Chromium was not found. On Debian: apt install chromium")


@contextmanager
def chromium():
    """A headless Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright  # which only the tests install

    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=executable()) as browser:
        yield browser
