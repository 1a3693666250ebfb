"""How much one owner may ask for, and how much the machine takes on."""

from django.conf import settings
from django.db import connection
from django.db.models import Count, Sum
from django.template.defaultfilters import filesizeformat

from exports.models import Export, State

LOCK = 0x6578706F7274  # any number, the same for all who ask


class Refused(Exception):
    """Says why, in a sentence for its reader, and after how many seconds to ask again."""

    def __init__(self, status, reason, retry_after):
        super().__init__(reason)
        self.status, self.reason, self.retry_after = status, reason, retry_after


def ask(owner, filters):
    """The owner's export of these books, and whether it is new. Raises Refused. Needs a transaction around it."""
    one_at_a_time()
    Export.objects.reap()  # what is dead takes nobody's place
    same = Export.objects.active().filter(owner=owner, filters=filters)
    if not same.exists():
        check_machine()
        check_quota(owner)
    return same.get_or_create(owner=owner, filters=filters)


def check_machine():
    """Each spawned export is a process at once. The other runners have a queue."""
    if settings.EXPORT_RUNNER == "spawn" and Export.objects.busy().count() >= settings.EXPORT_MAX_RUNNING:
        raise Refused(503, "As many exports as this machine can do are at work. Please try again in a minute.", 60)


def check_quota(owner):
    kept = Export.objects.for_owner(owner).filter(state__in=[State.WAITING, State.RUNNING, State.DONE])
    has = kept.aggregate(exports=Count("pk"), size=Sum("size", default=0))
    if has["exports"] >= settings.EXPORT_QUOTA or has["size"] >= settings.EXPORT_QUOTA_BYTES:
        number, size = f"{has['exports']:,}", filesizeformat(has["size"])
        reason = f"You have {number} exports of {size} in all, and may not have more. Delete one, and ask again."
        raise Refused(429, reason, 3600)


def one_at_a_time():
    """Counting and adding are one act, or two requests at one moment would both find the last place free."""
    if connection.vendor == "postgresql":  # SQLite's transactions are one at a time already: BEGIN IMMEDIATE
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
