"""Exports, and the emails about them."""

import time
import uuid
from datetime import timedelta

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import close_old_connections, models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

TRIES = 5
EMAIL_LEASE = 600  # seconds


class State(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    EXPIRED = "expired", "Expired"


RUNNING = Q(state=State.RUNNING)
ACTIVE = Q(state__in=[State.WAITING, State.RUNNING])
OVERDUE = Q(lease_until__lt=Now())


def change(row, condition, **values):
    """Change the row if it fulfils the condition. Return whether it did."""
    is_changed = type(row).objects.filter(condition, pk=row.pk).update(**values) == 1
    if is_changed:
        row.refresh_from_db()
    return is_changed


class LeaseLost(Exception):
    """The export was cancelled or deleted, or another process has taken it over."""


class TookTooLong(Exception):
    """The try has taken longer than EXPORT_TIME_LIMIT."""


def from_now(seconds):
    """Return the time in that many seconds, by the clock of the database."""
    return Now() + timedelta(seconds=seconds)


def start_deadline():
    """Return when the reaper may start a new export. A default can't use the clock of the database."""
    return timezone.now() + timedelta(seconds=settings.EXPORT_START_TIMEOUT)


class Export(models.Model):
    """A user's request for a file of books.

    Only claim(), release(), requeue(), finish(), fail(), cancel() and expire() change the state.
    Each is one UPDATE with a condition, so of two processes that try the same, only one succeeds.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="exports")
    filters = models.JSONField(default=dict, blank=True)  # as in the query string
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    # The fencing token. Each claim gets the next number, so an earlier claim can't change anything.
    token = models.PositiveIntegerField(default=0)
    tries_left = models.PositiveSmallIntegerField(default=TRIES)
    # Until then, a worker (or, before the start, a queue) takes care of the export. After that, the reaper does.
    # db_default is for the rows that exist when this column is added. They count as overdue.
    lease_until = models.DateTimeField(default=start_deadline, db_default=Now())
    rows_total = models.PositiveBigIntegerField(null=True, blank=True)
    rows_done = models.PositiveBigIntegerField(default=0)
    file = models.FileField(blank=True)
    size = models.PositiveBigIntegerField("size in bytes", null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "filters"],
                condition=Q(state__in=["waiting", "running"]),
                name="export_active_once",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="export_owner"),
            models.Index(fields=["lease_until"], condition=Q(state__in=["waiting", "running"]), name="export_overdue"),
        ]

    def __str__(self):
        return f"{self.name} ({self.get_state_display()})"

    def get_absolute_url(self):
        return reverse("export-detail", args=[self.pk])

    @property
    def name(self):
        """The file name that the user gets."""
        return f"books-{timezone.localdate(self.created_at)}.csv"

    @property
    def is_settled(self):
        """Whether the export has ended, and no email about it is due or on its way."""
        delivery = getattr(self, "delivery", None)
        is_email_due = delivery and not (delivery.sent_at or delivery.error)
        return bool(self.finished_at and not is_email_due)

    @property
    def poll_seconds(self):
        """How long the page waits until it asks again: longer and longer."""
        age = (timezone.now() - self.created_at).total_seconds()
        return 1 if age < 20 else 3 if age < 120 else 10

    @property
    def tries_used(self):
        return TRIES - self.tries_left

    @property
    def is_overdue(self):
        """Whether a worker should be at work, but isn't."""
        return self.state == State.RUNNING and self.lease_until < timezone.now()

    def claim(self):
        """Start a try. Return its token, or None if another process has the export."""
        self.stop_at = time.monotonic() + settings.EXPORT_TIME_LIMIT  # this clock can't be set
        free = Q(state=State.WAITING) | RUNNING & OVERDUE
        token, lease = self.token + 1, from_now(settings.EXPORT_LEASE)
        new = {"token": token, "tries_left": self.tries_left - 1, "rows_done": 0}
        new |= {"state": State.RUNNING, "started_at": Now(), "lease_until": lease}
        return token if change(self, free & Q(token=self.token), **new) else None

    def report(self, token, **numbers):
        """Save rows_total or rows_done, and extend the lease. Raise LeaseLost if the token isn't valid anymore.

        Raise TookTooLong after EXPORT_TIME_LIMIT.

        This needs a second database connection. SQLite refuses to write on a connection
        that is still reading, if another process has written in the meantime.
        """
        if time.monotonic() > self.stop_at:
            raise TookTooLong
        row = Export.objects.using("progress").filter(RUNNING, pk=self.pk, token=token)
        if not row.update(lease_until=from_now(settings.EXPORT_LEASE), **numbers):
            raise LeaseLost

    def release(self, token, seconds):
        """Change the state back to waiting. The reaper waits for `seconds`."""
        return change(self, RUNNING & Q(token=token), state=State.WAITING, lease_until=from_now(seconds))

    def requeue(self):
        """Change the state of an overdue export back to waiting."""
        lease = from_now(settings.EXPORT_START_TIMEOUT)
        return change(self, ACTIVE & OVERDUE & Q(token=self.token), state=State.WAITING, lease_until=lease)

    def finish(self, token, file, rows):
        """Save the file, then change the state to done. Raise LeaseLost if the token isn't valid anymore."""
        name = default_storage.save(f"exports/{self.pk}-{token}.csv", file)
        close_old_connections()  # it all took so long that the database may have closed this connection
        result = {"file": name, "size": file.size, "rows_done": rows, "rows_total": rows}
        result["expires_at"] = timezone.now() + timedelta(days=settings.EXPORT_RETENTION_DAYS)
        if not self.end(RUNNING & Q(token=token), state=State.DONE, **result):
            default_storage.delete(name)
            raise LeaseLost

    def fail(self, token, error, condition=RUNNING):
        """Change the state to failed. `error` is a sentence for the user."""
        return self.end(condition & Q(token=token), state=State.FAILED, error=error)

    def cancel(self):
        """Change the state to cancelled. A worker notices it at its next report, and stops."""
        return change(self, ACTIVE, state=State.CANCELLED, finished_at=timezone.now())

    def expire(self):
        """Change the state to expired, and delete the file."""
        name = self.file.name
        if is_expired := change(self, Q(state=State.DONE), state=State.EXPIRED, file=""):
            default_storage.delete(name)
            unsent = Delivery.objects.filter(UNSETTLED, export=self, claimed_at=None)
            unsent.update(error="The file expired before the email could be sent.")
        return is_expired

    def end(self, condition, **values):
        """Change the state to done or failed, and record in the same transaction that an email is due."""
        with transaction.atomic():
            is_ended = change(self, condition, finished_at=timezone.now(), **values)
            if is_ended and self.owner.email:
                Delivery.objects.get_or_create(export=self)
        return is_ended


UNSETTLED = Q(sent_at=None, error="")


class Delivery(models.Model):
    """The email about an export. A process must claim it before it sends the email, so only one sends it."""

    export = models.OneToOneField(Export, on_delete=models.CASCADE, primary_key=True)
    token = models.PositiveIntegerField(default=0)  # a fencing token, as in Export
    lease_until = models.DateTimeField(default=start_deadline, db_default=Now())
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"

    def __str__(self):
        return f"Email about {self.export_id}"

    def claim(self):
        """Return a token, or None if another process has sent the email, or is sending it."""
        token, lease = self.token + 1, from_now(EMAIL_LEASE)
        free = UNSETTLED & Q(claimed_at=None, token=self.token)
        return token if change(self, free, token=token, claimed_at=Now(), lease_until=lease) else None

    def release(self, token, seconds):
        """Give the email back, because it was certainly not sent. The reaper waits for `seconds`."""
        return change(self, UNSETTLED & Q(token=token), claimed_at=None, lease_until=from_now(seconds))

    def requeue(self):
        """Extend the lease of an overdue email, so that a task can send it."""
        lease = from_now(settings.EXPORT_START_TIMEOUT)
        return change(self, UNSETTLED & OVERDUE & Q(token=self.token), lease_until=lease)

    def end(self, token, error="", condition=UNSETTLED):
        """Record that the email was sent, or why not. `error` is a sentence for the user."""
        return change(self, condition & Q(token=token), sent_at=None if error else Now(), error=error)
