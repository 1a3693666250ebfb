"""Which errors may go away: the network, a server that restarts, a full disk. Never an invalid filter."""

import smtplib
import ssl

from django.db import InterfaceError, InternalError, OperationalError

S3_PACKAGES = ("boto3", "botocore", "s3transfer")  # their errors aren't OSErrors


class RetryLater(Exception):
    """Ask the task to try again in `seconds`.

    `release(seconds)` gives the export or its email back. It returns False if another process has taken it over.
    """

    def __init__(self, seconds, release):
        self.seconds, self.release = seconds, release


def is_transient(error):
    """Return whether the export may succeed later."""
    of_the_database = (OperationalError, InterfaceError, InternalError)  # the last if PostgreSQL has become read-only
    return isinstance(error, (*of_the_database, KeyboardInterrupt)) or is_storage_error(error)


def is_storage_error(error):
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in S3_PACKAGES


def is_permanent(error):
    """Return whether it's no use to send the email again: the address is invalid, or the server refuses it.

    A mail server refuses an email for good with a code from 500 up (RFC 5321, 4.2.1).
    """
    if isinstance(error, ssl.SSLError):  # a certificate that has expired is also a ValueError
        return False
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, ValueError) or getattr(error, "smtp_code", 0) >= 500
