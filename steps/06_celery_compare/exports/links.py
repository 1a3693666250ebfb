"""Signed links to files in the storage."""

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.signing import TimestampSigner
from django.urls import reverse

signer = TimestampSigner(salt="export-file")


def save_and_link(path):
    """Save the file in the default storage. Return a URL that contains the file's signed name."""
    with path.open("rb") as file:
        saved = default_storage.save(f"exports/{path.name}", File(file))
    token = signer.sign(saved.removeprefix("exports/"))
    return settings.SITE_URL + reverse("export-file", args=[token])
