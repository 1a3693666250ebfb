"""The email about an export: with the file, or a zip of it, or a link."""

import logging
import shutil
from tempfile import TemporaryFile
from zipfile import ZIP_DEFLATED, ZipFile

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone

from exports.models import Delivery, State

logger = logging.getLogger(__name__)


def deliver(export):
    """Email the owner how the export ended. Only the first call for an export sends an email."""
    if not (export.owner.email and export.owner.is_active):
        return
    _, is_first = Delivery.objects.get_or_create(export=export)
    if not is_first:
        return
    try:
        email_about(export).send()
        result = {"sent_at": timezone.now()}
    except Exception:
        logger.exception("The email about export %s could not be sent.", export.pk)
        result = {"error": "The email could not be sent."}
    # If the export has just been deleted, save() would insert the row again.
    Delivery.objects.filter(pk=export.pk).update(**result)


def email_about(export):
    """Return the email: a file that is too large is zipped, and a zip that is too large becomes a link."""
    is_done = export.state == State.DONE
    attachment = attachment_of(export) if is_done else None
    context = {"export": export, "attachment": attachment, "url": settings.SITE_URL + export.get_absolute_url()}
    email = EmailMessage(
        f"Your export of {export.rows_done:,} books" if is_done else "Your export failed",
        render_to_string("exports/email.txt", context),
        to=[export.owner.email],
        headers={
            "Auto-Submitted": "auto-generated",  # so that no holiday notice comes back
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
