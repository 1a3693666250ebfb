"""The job: write the file, then email it. It doesn't know what starts it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from exports.links import save_and_link
from library.book_csv import csv_name, write_csv
from library.filters import filtered_books


def send_export(address, filters):
    """Write the books that match the filters to a file, and email it to the address.

    A file that is too large for an email is zipped. If that is still too large, the
    email has a link. Raise ValidationError if a filter is invalid, and OSError or
    SMTPException if the email can't be sent.
    """
    books = filtered_books(filters)
    with TemporaryDirectory(prefix="export-") as folder:
        path = Path(folder) / csv_name()
        with path.open("wb") as file:
            count = write_csv(books, file)
        attachment, link = path, None
        if not fits_in_an_email(path):
            attachment = zip_file(path)
            if not fits_in_an_email(attachment):
                attachment, link = None, save_and_link(path)
        context = {"count": count, "link": link, "days": settings.EXPORT_RETENTION_DAYS}
        email = EmailMessage(
            f"Your export of {count:,} books",
            render_to_string("exports/email.txt", context),
            to=[address],
            headers={"Auto-Submitted": "auto-generated"},  # so that no holiday notice comes back
        )
        if attachment:
            # As text, an email can change its line breaks.
            email.attach(attachment.name, attachment.read_bytes(), "application/octet-stream")
        email.send()


def fits_in_an_email(path):
    """Return whether an email with this attachment has at most EXPORT_MAIL_LIMIT bytes.

    An email needs 78 bytes for 57 bytes of a file (base64), and room for its text.
    """
    return path.stat().st_size / 57 * 78 + 4_000 <= settings.EXPORT_MAIL_LIMIT


def zip_file(path):
    """Write a zip of the file beside it, and return its path."""
    zipped = path.with_name(f"{path.name}.zip")
    # Not strict: a wrong clock isn't an error, although a zip has no dates before 1980.
    with ZipFile(zipped, "w", ZIP_DEFLATED, strict_timestamps=False) as archive:
        archive.write(path, path.name)
    return zipped
