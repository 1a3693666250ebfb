"""Exports, and the emails about them."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import close_old_connections, models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone


class State(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


RUNNING = Q(state=State.RUNNING)
ACTIVE = Q(state__in=[State.WAITING, State.RUNNING])


def change(row, condition, **values):
    """Change the row if it fulfils the condition. Return whether it did."""
    is_changed = type(row).objects.filter(condition, pk=row.pk).update(**values) == 1
    if is_changed:
        row.refresh_from_db()
    return is_changed


class Export(models.Model):
    """A user's request for a file of books.

    Only claim(), finish() and fail() change the state.
    Each is one UPDATE with a condition, so of two processes that try the same, only one succeeds.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="exports")
    filters = models.JSONField(default=dict, blank=True)  # as in the query string
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    rows_total = models.PositiveBigIntegerField(null=True, blank=True)
    rows_done = models.PositiveBigIntegerField(default=0)
    file = models.FileField(blank=True)
    size = models.PositiveBigIntegerField("size in bytes", null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="export_owner"),
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
        if not self.finished_at:
            return False
        if delivery := getattr(self, "delivery", None):
            return bool(delivery.sent_at or delivery.error)
        # A job creates the Delivery just after the export has ended, unless its process dies in between.
        is_email_due = self.started_at and self.owner.email and self.owner.is_active
        return not is_email_due or timezone.now() - self.finished_at > timedelta(seconds=10)

    def claim(self):
        """Change the state from waiting to running. Return whether this process did it."""
        return change(self, Q(state=State.WAITING), state=State.RUNNING, started_at=timezone.now())

    def report(self, **numbers):
        """Save rows_total or rows_done while the export is running.

        This needs a second database connection. SQLite refuses to write on a connection
        that is still reading, if another process has written in the meantime.
        """
        Export.objects.using("progress").filter(pk=self.pk, state=State.RUNNING).update(**numbers)

    def finish(self, file, rows):
        """Save the file, then change the state to done. Return False if the export was deleted."""
        name = default_storage.save(f"exports/{self.pk}.csv", file)
        close_old_connections()  # it all took so long that the database may have closed this connection
        result = {"file": name, "size": file.size, "rows_done": rows, "rows_total": rows}
        is_done = change(self, RUNNING, state=State.DONE, finished_at=timezone.now(), **result)
        if not is_done:
            default_storage.delete(name)
        return is_done

    def fail(self, error):
        """Change the state to failed. `error` is a sentence for the user."""
        return change(self, ACTIVE, state=State.FAILED, error=error, finished_at=timezone.now())


class Delivery(models.Model):
    """The email about an export. The row is created before the email is sent, so only one process sends it."""

    export = models.OneToOneField(Export, on_delete=models.CASCADE, primary_key=True)
    claimed_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"

    def __str__(self):
        return f"Email about {self.export_id}"
