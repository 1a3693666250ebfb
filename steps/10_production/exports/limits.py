"""Which requests for an export are refused."""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Q

from exports.models import ACTIVE, Export, State
from exports.tasks import run_export

LOCK = 0x6578706F7274  # an arbitrary number for pg_advisory_xact_lock


class Refused(Exception):
    """`reason` is a sentence for the user. `retry_after` are seconds."""

    def __init__(self, status, reason, retry_after):
        super().__init__(reason)
        self.status, self.reason, self.retry_after = status, reason, retry_after


def request_export(owner, filters):
    """Return the owner's active export with these filters, or start a new one. Raise Refused."""
    with transaction.atomic():
        # Requests of the same user wait for each other, so that two of them can't both get the last place.
        get_user_model().objects.select_for_update().get(pk=owner.pk)
        if active := Export.objects.filter(ACTIVE, owner=owner, filters=filters).first():
            return active
        check_quota(owner)
        check_capacity()
        export = Export.objects.create(owner=owner, filters=filters)
        run_export.enqueue(str(export.pk))
    return export


def check_quota(owner):
    """Raise Refused if the user has too many exports."""
    kept = owner.exports.filter(ACTIVE | Q(state=State.DONE)).count()
    if kept >= settings.EXPORT_QUOTA:
        raise Refused(429, f"You have too many exports ({kept}). Delete or cancel one, and try again.", 3600)


def check_capacity():
    """Raise Refused if too many exports are running. The other backends have a queue instead."""
    if settings.EXPORT_RUNNER != "subprocess":
        return
    if connection.vendor == "postgresql":  # counting and adding must be one step for all users
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    if Export.objects.filter(ACTIVE).count() >= settings.EXPORT_MAX_RUNNING:
        raise Refused(503, "The server is busy. Please try again in a minute.", 60)
