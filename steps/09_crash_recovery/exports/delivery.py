"""The email about an export: with the file, or a zip of it, or a link."""

import logging
import shutil
import smtplib
import threading
from contextlib import suppress
from datetime import timedelta
from functools import partial
from tempfile import TemporaryFile
from urllib.parse import urlsplit
from zipfile import ZIP_DEFLATED, ZipFile

import django
from django.conf import settings
from django.core import mail
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone

from exports.models import State
from exports.retry import RetryLater, is_permanent

logger = logging.getLogger(__name__)
EMAIL_GIVE_UP_AFTER = timedelta(hours=1)  # after the end of the export
TOO_LARGE = 552  # the code of a mail server for an email that is too large (RFC 1870)
NOT_SENT = "The email could not be sent."
NOT_KNOWN = "We don't know whether the email was sent."


def deliver(export):
    """Email the owner how the export ended, once.

    Raise RetryLater if the email was certainly not sent, and may be sent later.
    """
    delivery = getattr(export, "delivery", None)
    if delivery is None or delivery.claimed_at or delivery.error:
        return
    connection = mail.mailers.default if django.VERSION >= (6, 1) else mail.get_connection()
    token, text_began = delivery.token, threading.Event()
    try:
        email = email_about(export)
        connection.open()  # an error up to here means that nothing was sent
        token = delivery.claim()
        if token:
            send(export, email, connection, text_began)
    except Exception as error:
        logger.exception("The email about export %s could not be sent.", export.pk)
        # With the code of an error, the server has refused the email. Without an answer, it may have accepted it.
        is_refused = isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 400
        is_unsent = is_refused or not text_began.is_set()
        end_or_retry(export, delivery, token, error, is_unsent)
    else:
        if token:
            delivery.end(token)
    finally:
        with suppress(Exception):  # the email has been sent, or the error is known
            connection.close()


def send(export, email, connection, text_began):
    """Send the email. If the mail server accepts smaller emails only, send a link to the file instead."""
    before_text(connection, text_began.set)
    try:
        connection.send_messages([email])
    except smtplib.SMTPResponseException as error:
        if error.smtp_code != TOO_LARGE or not email.attachments:
            raise
        text_began.clear()
        connection.close()  # some servers close it after such an error
        connection.open()
        send(export, email_about(export, with_file=False), connection, text_began)


def end_or_retry(export, delivery, token, error, is_unsent):
    """Record the error, or raise RetryLater."""
    age = timezone.now() - export.finished_at
    if is_unsent and age < EMAIL_GIVE_UP_AFTER and not is_permanent(error):
        seconds = max(age.total_seconds(), settings.EXPORT_BACKOFF)  # the delay doubles
        raise RetryLater(seconds, partial(delivery.release, token)) from error
    delivery.end(token, NOT_SENT if is_unsent else NOT_KNOWN)


def before_text(connection, call):
    """Call a function before the text of an email is sent. Until then, it was certainly not sent."""
    smtp = getattr(connection, "connection", None)  # the smtplib.SMTP of Django's SMTP backend
    if isinstance(smtp, smtplib.SMTP):
        send = smtp.send

        def call_and_send(data):
            if isinstance(data, bytes):  # commands are str
                call()
            return send(data)

        smtp.send = call_and_send
    else:  # other backends don't tell, so their emails may be sent from the start
        call()


def email_about(export, with_file=True):
    """Return the email: a file that is too large is zipped, and a zip that is too large becomes a link."""
    if not (export.owner.email and export.owner.is_active):
        raise ValueError("The owner has removed the address, or the account is deactivated.")
    is_done = export.state == State.DONE
    attachment = attachment_of(export) if is_done and with_file else None
    context = {"export": export, "attachment": attachment, "url": settings.SITE_URL + export.get_absolute_url()}
    email = EmailMessage(
        f"Your export of {export.rows_done:,} books" if is_done else "Your export failed",
        render_to_string("exports/email.txt", context),
        to=[export.owner.email],
        headers={
            "Auto-Submitted": "auto-generated",  # so that no holiday notice comes back
            "Message-ID": f"<export-{export.pk}@{urlsplit(settings.SITE_URL).hostname}>",  # the same for each try
        },
    )
    if attachment:
        # As text, an email can change its line breaks.
        email.attach(*attachment, "application/octet-stream")
    return email


def attachment_of(export):
    """Return the name and the bytes of the file or of its zip, or None if neither fits in an email."""
    with export.file.open() as file, TemporaryFile() as zipped:
        if fits_in_an_email(export.size):
            return export.name, file.read()
        with ZipFile(zipped, "w", ZIP_DEFLATED) as archive, archive.open(export.name, "w", force_zip64=True) as member:
            shutil.copyfileobj(file, member)
        if fits_in_an_email(zipped.tell()):
            zipped.seek(0)
            return f"{export.name}.zip", zipped.read()
    return None


def fits_in_an_email(size):
    """Return whether an email with an attachment of `size` bytes has at most EXPORT_MAIL_LIMIT bytes.

    An email needs 78 bytes for 57 bytes of a file (base64), and room for its text.
    """
    return size / 57 * 78 + 4_000 <= settings.EXPORT_MAIL_LIMIT
