"""How an export reaches its owner: a mail with the file, or a zip of it, or a link, whatever fits."""

import io
import logging
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone

from exports.models import State
from exports.retry import Again, surely_not_sent
from library.files import compressed

logger = logging.getLogger(__name__)
ROOM_FOR_TEXT = 4_000  # bytes of a mail that are not its attachment, generously


def deliver(export, retry=False):
    """Mail the owner how the export ended, once. A mail that cannot go leaves the export as it is.

    With `retry`, a mail that has surely reached nobody is tried again, until an hour after the export's end.
    """
    begun = False
    try:
        if export.has_mail and not export.mail_claimed_at:
            mail = message(export)  # its file may be away
            if begun := export.claim_mail():
                mail.send()
                export.mailed()
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        logger.exception("The mail about export %s could not be sent.", export.pk)
        tried_for = (timezone.now() - export.finished_at).total_seconds()
        if retry and tried_for < 3600 and (not begun or surely_not_sent(error)):
            if begun:  # else the claim is another process's
                export.release_mail()
            raise Again(max(tried_for, settings.EXPORT_BACKOFF)) from error
        if begun or export.claim_mail():
            export.mailed(error="The mail could not be sent.")
        if isinstance(error, SystemExit):
            raise


def message(export):
    attached = attachment(export) if export.state == State.DONE else None
    # The same for each attempt to send it: a mail program shows a mail that came twice once.
    number = f"{export.pk}-{export.mails_again}" if export.mails_again else export.pk
    context = {"export": export, "attached": attached, "url": settings.SITE_URL + export.get_absolute_url()}
    return EmailMessage(
        f"Your export of {export.rows_done:,} books" if export.state == State.DONE else "Your export failed",
        render_to_string("exports/mail.txt", context),
        to=[export.owner.email],
        attachments=[attached] if attached else [],
        headers={"Message-ID": f"<export-{number}@{urlsplit(settings.SITE_URL).hostname}>"},
    )


def attachment(export):
    """Name, bytes and type of what fits into a mail of EXPORT_MAIL_LIMIT bytes: the file, its zip, or None.

    A mail carries 57 bytes in a line of 78, its end included (RFC 2045): 37 % more.
    """
    room = (settings.EXPORT_MAIL_LIMIT - ROOM_FOR_TEXT) // 78 * 57
    if export.size <= room:
        with export.file.open() as file:
            return export.name, file.read(), "application/octet-stream"
    packed = zipped(export, room)
    return packed and (f"{export.name}.zip", packed, "application/zip")


def zipped(export, room):
    """The file as a zip, or None as soon as that has more than `room` bytes."""
    packed = io.BytesIO()
    with export.file.open() as file, compressed(packed, "zip", export.name) as archive:
        for chunk in file.chunks():
            archive.write(chunk)
            if packed.tell() > room:
                return None
    return packed.getvalue() if packed.tell() <= room else None
