"""A setting that can't work is refused in one sentence, when the site starts."""

import re
import runpy

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.servers import STEP

# The settings of later steps are here too. A step tests only those that it has.
CODE = "".join(path.read_text() for path in (STEP / "config").glob("*.py"))
pytestmark = pytest.mark.covers("config")


def settings_with(monkeypatch, folder, **variables):
    """Return the settings of a process with these environment variables."""
    monkeypatch.chdir(folder)  # as cron does, which starts somewhere else
    for name, value in {"DATA_DIR": str(folder), **variables}.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(STEP / "config" / "settings.py"))


def read_here(cases):
    return [case for case in cases if re.search(rf"\b{case[0]}\b", CODE)]


@pytest.mark.parametrize(
    "name, value",
    read_here(
        [
            # An unquoted #, / or ? ends the host of a URL, so the user becomes the host, and the password the port.
            ("DATABASE_URL", "postgres://library:2024#secret@db.example.com/library"),
            ("DATABASE_URL", "postgres://library:2024/secret@db.example.com/library"),
            ("DATABASE_URL", "postgres://library:2024?secret@db.example.com/library"),
            ("DATABASE_URL", "postgres://library:#secret@db.example.com/library"),
            ("DATABASE_URL", "postgres://library:secret#2024@db.example.com/library"),
            ("DATABASE_URL", "postgres://library:2024[secret@db.example.com/library"),
            ("DATABASE_URL", "postgres://db.example.com/lib#rary"),
            ("DATABASE_URL", "postgres://db.example.com"),
            ("DATABASE_URL", "postgres://db.example.com:65536/library"),
            ("DATABASE_URL", "db.sqlite3"),
            ("DATABASE_URL", "mysql://library:secret@db.example.com/library"),
            ("TIME_ZONE", "Europe"),
            ("TIME_ZONE", "Europe/Lissabon"),
            ("TIME_ZONE", "europe/lisbon "),
            ("TIME_ZONE", "../zoneinfo/UTC"),
            ("TIME_ZONE", "UTC+1"),
            ("EMAIL_URL", "smtp://library@mail.example.com"),
            ("EMAIL_URL", "smtp://library:@mail.example.com"),
            ("EMAIL_URL", "smtp://:secret@mail.example.com"),
            ("EMAIL_URL", "smtp://library:pässword@mail.example.com"),
            ("EMAIL_URL", "smtp://library:p%C3%A4ssword@mail.example.com"),
            ("EMAIL_URL", "smtp://library:secret@mail..example.com"),
            ("EMAIL_URL", f"smtp://{'a' * 64}.example.com"),
            ("EMAIL_URL", "smtp://mail.example.com:65536"),
            ("SITE_URL", "books.example.com"),
            ("SITE_URL", "//books.example.com"),
            ("SITE_URL", "https://"),
            ("SITE_URL", "https:/books.example.com"),
            ("SITE_URL", "ftp://books.example.com"),
            ("SITE_URL", "https://books.example.com?"),
            ("SITE_URL", "https://books.example.com#top"),
            ("SITE_URL", "https://user:password@books.example.com"),
            ("SITE_URL", "https://books.example.com, https://example.com"),
            ("SITE_URL", "https://bücher.example.com"),
            ("SITE_URL", "https://our_books.example.com"),  # Django refuses each request for such a host
            ("SITE_URL", "https://:8443"),
            ("SITE_URL", "https://books.example.com:8443:8443"),
            ("SITE_URL", "https://["),  # Python can't split it, so each email would fail
            ("CELERY_BROKER_URL", "amqp://library:2024#secret@mq.example.com/library"),
            ("CELERY_BROKER_URL", "amqp://library:2024/secret@mq.example.com/library"),
            ("CELERY_BROKER_URL", "redis://:2024?secret@mq.example.com/0"),
            ("CELERY_BROKER_URL", "redis://:2024[secret@mq.example.com/0"),
            ("CELERY_BROKER_URL", "mq.example.com:5672"),
            ("CELERY_BROKER_URL", "https://mq.example.com"),
            ("STORAGE_URL", "s3://key:secret@books"),
            ("STORAGE_URL", "s3://books:9000"),
            ("STORAGE_URL", "s3://our books"),
            ("STORAGE_URL", "s3://b%C3%BCcher"),
            ("STORAGE_URL", "S3:books"),
            ("EXPORT_MAIL_LIMIT", "10 MB"),
            ("EXPORT_MAIL_LIMIT", "10_000_000"),
            ("EXPORT_MAIL_LIMIT", "1e7"),
            ("EXPORT_MAIL_LIMIT", "0"),
            ("EXPORT_MAIL_LIMIT", "9" * 5_000),  # for more than 4,300 digits, int() has its own error
            ("EXPORT_MAIL_LIMIT", "1000000000001"),
            ("EXPORT_RETENTION_DAYS", "36501"),
            ("EXPORT_RETENTION_DAYS", "0.5"),
            ("EXPORT_RUNNER", "Celery"),
            ("EXPORT_RUNNER", "immediate"),
            ("EXPORT_LEASE", "0"),
            ("EXPORT_LEASE", "1000001"),
            ("EXPORT_START_TIMEOUT", "999999999999"),
            ("EXPORT_BACKOFF", "999999999999"),
            ("EXPORT_TIME_LIMIT", "2147484"),  # PostgreSQL's statement_timeout ends here
        ]
    ),
)
def test_a_value_that_cannot_work_is_refused(monkeypatch, tmp_path, name, value):
    with pytest.raises(ImproperlyConfigured, match=f"^{name} must"):
        settings_with(monkeypatch, tmp_path, **{name: value})


@pytest.mark.parametrize(
    "name, value, setting, expected",
    read_here(
        [
            (
                "DATABASE_URL",
                "postgres://a:2024%23%2F%3F%40@db/books",
                ("DATABASES", "default", "PASSWORD"),
                "2024#/?@",
            ),
            ("DATABASE_URL", "postgres://a:p@ss:w&=+@db/books", ("DATABASES", "default", "PASSWORD"), "p@ss:w&=+"),
            ("DATABASE_URL", "postgres:///books?host=/run", ("DATABASES", "default", "OPTIONS", "host"), "/run"),
            ("DATABASE_URL", "postgres://?service=books", ("DATABASES", "default", "OPTIONS", "service"), "books"),
            ("DATABASE_URL", "sqlite:///a%23b@c.sqlite3", ("DATABASES", "default", "NAME"), STEP / "a#b@c.sqlite3"),
            ("TIME_ZONE", "America/Argentina/Buenos_Aires", ("TIME_ZONE",), "America/Argentina/Buenos_Aires"),
            ("DATA_DIR", "files", ("DATA_DIR",), STEP / "files"),  # in whatever folder the process was started
            ("DATA_DIR", "/srv/files", ("DATA_DIR",), "/srv/files"),
            (
                "SITE_URL",
                "https://books.example.com:8443/library/",
                ("SITE_URL",),
                "https://books.example.com:8443/library",
            ),
            ("SITE_URL", "http://[::1]:8000", ("SITE_URL",), "http://[::1]:8000"),
            ("CELERY_BROKER_URL", "redis://h/0", ("CELERY_BROKER_TRANSPORT_OPTIONS", "socket_timeout"), 5),
            ("CELERY_BROKER_URL", "rediss://h/0", ("CELERY_BROKER_TRANSPORT_OPTIONS", "socket_timeout"), 5),
            ("CELERY_BROKER_URL", "amqps://a:2024%23@h/b", ("CELERY_BROKER_URL",), "amqps://a:2024%23@h/b"),
            ("STORAGE_URL", "s3://our_books.1/a/b/", ("STORAGES", "default", "OPTIONS", "location"), "a/b"),
            ("EXPORT_LEASE", "1", ("EXPORT_LEASE",), 1),
            ("EXPORT_TIME_LIMIT", "1000000", ("EXPORT_TIME_LIMIT",), 1_000_000),
            ("EXPORT_ACCEL_URL", "/files/", ("EXPORT_ACCEL_URL",), "/files/"),
        ]
    ),
)
def test_a_value_that_can_work_is_used(monkeypatch, tmp_path, name, value, setting, expected):
    found = settings_with(monkeypatch, tmp_path, **{name: value})
    for key in setting:
        found = found[key]
    assert str(found) == str(expected)
