"""What may go right at another time: the network, a server that restarts, a full disk. Never a bad request."""

import errno
import smtplib
import socket

from django.db import InterfaceError, OperationalError

CONNECTION_LOST = (OperationalError, InterfaceError)
S3 = ("boto3", "botocore", "s3transfer")  # whose errors are no OSErrors


class Again(Exception):
    """Asks the runner to come again in so many seconds."""

    def __init__(self, seconds):
        super().__init__(f"again in {seconds:.0f} s")
        self.seconds = seconds


def may_pass(error):
    """Whether an export that ended so is worth another attempt: the database is away, the storage refuses."""
    return isinstance(error, CONNECTION_LOST) or of_storage(error)


def of_storage(error):
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in S3


def surely_not_sent(error):
    """Whether a mail that failed so has reached nobody for sure, so that it may be sent again, and not twice."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(400 <= code < 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return 400 <= error.smtp_code < 500  # "try again later" (RFC 5321, 4.2.1)
    unreachable = isinstance(error, OSError) and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH)
    return unreachable or isinstance(error, (ConnectionRefusedError, socket.gaierror))
