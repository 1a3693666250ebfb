"""Chromium, as the tools of the site use it."""

import os
import shutil
from contextlib import contextmanager

from tutorial import UserError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def executable():
    """Where Chromium is, or what to do about it."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise UserError("Chromium was not found. On Debian: apt install chromium")


@contextmanager
def chromium(**options):
    """A headless Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright  # which only the tests install

    # Chromium refuses its sandbox to root.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=arguments, **options)
        try:
            yield browser
        finally:
            browser.close()
