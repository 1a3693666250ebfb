"""What an export is: who asked for which books, how far it is, and how it ended."""

import uuid
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.core.files.storage import storages
from django.db import models, transaction
from django.db.models.functions import Now
from django.dispatch import receiver
from django.urls import reverse
from django.utils import timezone

from library.book_csv import csv_name


def export_storage():
    return storages["exports"]


class State(models.TextChoices):
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class ExportQuerySet(models.QuerySet):
    def for_owner(self, user):
        return self.filter(owner=user)


class Export(models.Model):
    """Its state is never assigned: claim, finish and fail are one conditional UPDATE each."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="exports")
    filters = models.JSONField(default=dict, blank=True)  # as in the query string of the page
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    rows_total = models.PositiveBigIntegerField(null=True, blank=True)
    rows_done = models.PositiveBigIntegerField(default=0)
    file = models.FileField(storage=export_storage, blank=True)
    size = models.PositiveBigIntegerField("size in bytes", null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)  # the last sign of life of the process that runs it
    mail_claimed_at = models.DateTimeField(null=True, blank=True)
    mail_sent_at = models.DateTimeField(null=True, blank=True)
    mail_error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    ours = None  # the claim that is this process's own, whatever the row says by now

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["owner", "-created_at"], name="export_of_owner")]

    def __str__(self):
        return f"{self.name} ({self.get_state_display()})"

    def get_absolute_url(self):
        return reverse("export-detail", args=[self.pk])

    @property
    def name(self):
        """What the file is called for its reader."""
        return csv_name(timezone.localdate(self.created_at))

    @property
    def stored_as(self):
        return f"{self.pk}-{self.attempt}.csv"

    @property
    def is_settled(self):
        """Nothing more will change: it has ended, and its mail is sent, or cannot be."""
        return self.finished_at and (self.mail_sent_at or self.mail_error or not self.owner.email)

    @property
    def lease_left(self):
        """Seconds until its process counts as dead; at least 1, at most EXPORT_LEASE: two machines' clocks differ."""
        seconds = (self.heartbeat_at - timezone.now()).total_seconds() + settings.EXPORT_LEASE
        return min(max(seconds, 1), settings.EXPORT_LEASE)

    def claim(self):
        """Make it ours: one that waits, or one whose process gave no sign of life for EXPORT_LEASE seconds.

        True for one process only. From here on the attempt's number says whose it is: a process that was
        thought dead, and comes back, has an older number and changes nothing.
        """
        attempt = self.attempt + 1
        dead = models.Q(state=State.RUNNING, heartbeat_at__lt=Now() - timedelta(seconds=settings.EXPORT_LEASE))
        free = (models.Q(state=State.WAITING) | dead) & models.Q(attempt=self.attempt)
        # Now() is the database's clock: the same for all machines.
        begun = {"attempt": attempt, "started_at": Now(), "heartbeat_at": Now(), "rows_done": 0}
        moved = Export.objects.filter(free, pk=self.pk).update(state=State.RUNNING, **begun) == 1
        if moved:
            self.ours = attempt
        self.look()
        return moved

    def report(self, **numbers):
        """Note how far it is, over a connection of its own (config/settings.py says why), and that we live."""
        ours = Export.objects.using("progress").filter(self._ours(), pk=self.pk)
        ours.update(heartbeat_at=Now(), **numbers)

    def release(self):
        """Back to waiting: the next attempt may go better. False if it was ours no more."""
        return self._end_without_file(self._ours(), state=State.WAITING)

    def finish(self, file, rows):
        """Hand the whole file over to the storage; then, and not before, it is done. False if it was ours no more."""
        name, size = self.stored_as, file.size
        self.file.storage.save(name, file)
        numbers = {"size": size, "rows_done": rows, "rows_total": rows}
        if self._move(self._ours(), state=State.DONE, file=name, finished_at=timezone.now(), **numbers):
            return True
        self._remove(name)
        return False

    def fail(self, error):
        """It ended without a file. `error` is a sentence for its owner. False if it was ours no more."""
        waiting = models.Q(state=State.WAITING)
        ended = {"state": State.FAILED, "error": error, "finished_at": timezone.now()}
        return self._end_without_file(waiting | self._ours(), **ended)

    def claim_mail(self):
        """The right to send the mail about it, given once; True for who got it."""
        return Export.objects.filter(pk=self.pk, mail_claimed_at=None).update(mail_claimed_at=timezone.now()) == 1

    def release_mail(self):
        """Surely nothing was sent: the next try may send it."""
        Export.objects.filter(pk=self.pk).update(mail_claimed_at=None)

    def mailed(self, error=""):
        """How that went."""
        Export.objects.filter(pk=self.pk).update(mail_sent_at=None if error else timezone.now(), mail_error=error)

    def _end_without_file(self, states, **changes):
        name = self.stored_as
        if moved := self._move(states, **changes):
            self._remove(name)  # if its hand-over was cut short
        return moved

    def _remove(self, name):
        with suppress(Exception):  # what stays is a file that no row names
            self.file.storage.delete(name)

    def _ours(self):
        return models.Q(state=State.RUNNING, attempt=self.ours)

    def _move(self, states, **changes):
        moved = Export.objects.filter(states, pk=self.pk).update(**changes) == 1
        self.look()
        return moved

    def look(self):
        try:
            self.refresh_from_db()
        except Export.DoesNotExist:  # deleted meanwhile, perhaps with its owner
            self.state = State.FAILED


@receiver(models.signals.post_delete, sender=Export)
def delete_file(instance, **kwargs):
    if name := instance.file.name:  # a deletion that is rolled back keeps its file
        transaction.on_commit(lambda: instance._remove(name))
