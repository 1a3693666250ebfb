"""The settings for production, for tests that use plain HTTP."""

from config.production import *  # noqa: F403

SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
