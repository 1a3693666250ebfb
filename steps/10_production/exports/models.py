"""What an export is: who asked for which books, how far it is, and how it ended."""

import errno
import hashlib
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
    CANCELLED = "cancelled", "Cancelled"
    EXPIRED = "expired", "Expired"


ACTIVE = [State.WAITING, State.RUNNING]
MAIL_TAKES = timedelta(minutes=10)  # at most


class NotOurs(Exception):
    """The export was cancelled, taken over or deleted: the process that works on it can stop."""


def silent_for(seconds):
    return models.Q(heartbeat_at__lt=Now() - timedelta(seconds=seconds))


class ExportQuerySet(models.QuerySet):
    def for_owner(self, user):
        return self.filter(owner=user)

    def active(self):
        return self.filter(state__in=ACTIVE)

    def busy(self):
        """Those that may have a process: one that was cancelled just now has not learnt it yet."""
        just_now = timezone.now() - timedelta(seconds=settings.EXPORT_LEASE)
        return self.filter(models.Q(state__in=ACTIVE) | models.Q(state=State.CANCELLED, finished_at__gt=just_now))

    def dead(self):
        """Those that nobody will bring to an end: their process died, and no broker will send another one."""
        never_begun = models.Q(state=State.WAITING) & silent_for(settings.EXPORT_START)
        cut_short = models.Q(state=State.RUNNING) & silent_for(settings.EXPORT_LEASE + settings.EXPORT_REDELIVERY)
        limit = Now() - timedelta(seconds=settings.EXPORT_TIME_LIMIT + 60)
        hangs = models.Q(state=State.RUNNING, started_at__lt=limit) & ~silent_for(settings.EXPORT_LEASE)
        return self.filter(never_begun | cut_short | hangs)

    def reap(self):
        """End the dead ones, so that their owners may try again. Gives their number."""
        error = "The process that was to make it died, or took too long. Please try again."
        dead = self.dead()
        # Most of the time there are none, and to look is cheap: SQLite has one writer at a time.
        return dead.update(state=State.FAILED, error=error, finished_at=timezone.now()) if dead.exists() else 0

    def outdated(self):
        """Those whose file has been kept for long enough."""
        return self.filter(state=State.DONE, expires_at__lt=timezone.now())

    def unmailed(self):
        """Those that ended a lease ago, and whose mail nobody has begun to send: its process died before it could."""
        a_lease_ago = timezone.now() - timedelta(seconds=settings.EXPORT_LEASE)
        ended = self.filter(state__in=[State.DONE, State.FAILED], finished_at__lt=a_lease_ago)
        return ended.filter(mail_claimed_at=None, mail_sent_at=None, mail_error="")

    def mailed_perhaps(self):
        """Those whose mail was begun too long ago for it to be still on its way: its process died meanwhile."""
        return self.filter(mail_claimed_at__lt=timezone.now() - MAIL_TAKES, mail_sent_at=None, mail_error="")


class Export(models.Model):
    """Its state is never assigned: each move is one conditional UPDATE."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="exports")
    filters = models.JSONField(default=dict, blank=True)  # as in the query string of the page
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    rows_total = models.PositiveBigIntegerField(null=True, blank=True)
    rows_done = models.PositiveBigIntegerField(default=0)
    file = models.FileField(storage=export_storage, blank=True)
    size = models.PositiveBigIntegerField("size in bytes", null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    error = models.CharField(max_length=200, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    # The last sign of life: of the request at first, then of the process that runs it.
    heartbeat_at = models.DateTimeField(null=True, blank=True, db_default=Now())
    mail_claimed_at = models.DateTimeField(null=True, blank=True)
    mail_sent_at = models.DateTimeField(null=True, blank=True)
    mail_error = models.CharField(max_length=200, blank=True)
    mails_again = models.PositiveSmallIntegerField(default=0)  # how often its owner wanted the mail once more
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    ours = None  # the claim that is this process's own, whatever the row says by now

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["owner", "-created_at"], name="export_of_owner")]
        constraints = [
            # A double click, or two windows: who asks for the same books again gets the export that is at work.
            models.UniqueConstraint(
                fields=["owner", "filters"], condition=models.Q(state__in=ACTIVE), name="active_once"
            ),
        ]

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
        return self.finished_at and (self.mail_sent_at or self.mail_error or not self.has_mail)

    @property
    def has_mail(self):
        """Whether its end is something to tell its owner, and there is an address."""
        return self.state not in (State.CANCELLED, State.EXPIRED) and bool(self.owner.email)

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
        dead = models.Q(state=State.RUNNING) & silent_for(settings.EXPORT_LEASE)
        free = (models.Q(state=State.WAITING) | dead) & models.Q(attempt=self.attempt)
        # Now() is the database's clock: the same for all machines.
        begun = {"attempt": attempt, "started_at": Now(), "heartbeat_at": Now(), "rows_done": 0}
        moved = Export.objects.filter(free, pk=self.pk).update(state=State.RUNNING, **begun) == 1
        if moved:
            self.ours = attempt
        self.look()
        return moved

    def report(self, **numbers):
        """Note how far it is, over a connection of its own (config/settings.py says why), and that we live.

        Raises NotOurs: this is where a process learns that its export was cancelled.
        """
        ours = Export.objects.using("progress").filter(self._ours(), pk=self.pk)
        if not ours.update(heartbeat_at=Now(), **numbers):
            raise NotOurs

    def release(self):
        """Back to waiting: the next attempt may go better. False if it was ours no more."""
        return self._end_without_file(self._ours(), state=State.WAITING, heartbeat_at=Now())

    def finish(self, file, rows):
        """Hand the whole file over to the storage; then, and not before, it is done. False if it was ours no more."""
        name, storage = self.stored_as, self.file.storage
        facts = {"size": file.size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
        file.seek(0)
        storage.save(name, file)
        if storage.size(name) != facts["size"]:
            raise OSError(errno.EIO, "not all of it arrived")
        facts |= {"file": name, "rows_done": rows, "rows_total": rows, "finished_at": timezone.now()}
        facts["expires_at"] = facts["finished_at"] + timedelta(days=settings.EXPORT_KEEP)
        if self._move(self._ours(), state=State.DONE, **facts):
            return True
        self._remove(name)
        return False

    def fail(self, error):
        """It ended without a file. `error` is a sentence for its owner. False if it was ours no more."""
        ended = {"state": State.FAILED, "error": error, "finished_at": timezone.now()}
        return self._end_without_file(models.Q(state=State.WAITING) | self._ours(), **ended)

    def cancel(self):
        """End it, whoever is at work on it: that process learns it from its next report. False if it has ended."""
        ended = {"state": State.CANCELLED, "finished_at": timezone.now()}
        return self._end_without_file(models.Q(state__in=ACTIVE), **ended)

    def expire(self):
        """Its file goes. What was asked for, and how it ended, remains to be read."""
        name = self.file.name
        if self._move(models.Q(state=State.DONE), state=State.EXPIRED, file=""):
            self._remove(name)

    def claim_mail(self):
        """The right to send the mail about it, given once; True for who got it."""
        return Export.objects.filter(pk=self.pk, mail_claimed_at=None).update(mail_claimed_at=timezone.now()) == 1

    def release_mail(self):
        """Surely nothing was sent: the next try may send it."""
        Export.objects.filter(pk=self.pk).update(mail_claimed_at=None)

    def mailed(self, error=""):
        """How that went."""
        Export.objects.filter(pk=self.pk).update(mail_sent_at=None if error else timezone.now(), mail_error=error)

    def mail_again(self):
        """Its owner wants the mail once more. False if it is still on its way, or there is none."""
        told = models.Q(mail_sent_at__isnull=False) | ~models.Q(mail_error="")
        ended = models.Q(state__in=[State.DONE, State.FAILED])
        once_more = {"mails_again": models.F("mails_again") + 1}
        return self._move(ended & told, mail_claimed_at=None, mail_sent_at=None, mail_error="", **once_more)

    def _end_without_file(self, states, **changes):
        name = self.stored_as
        if moved := self._move(states, **changes):
            self._remove(name)  # if its hand-over was cut short
        return moved

    def _remove(self, name):
        with suppress(Exception):  # what stays is a file that no row names; prune_exports finds it
            self.file.storage.delete(name)

    def _ours(self):
        return models.Q(state=State.RUNNING, attempt=self.ours)

    def _move(self, states, **changes):
        moved = Export.objects.filter(states, pk=self.pk).update(**changes) == 1
        self.look()
        return moved

    def look(self):
        """What the row says by now."""
        try:
            self.refresh_from_db()
        except Export.DoesNotExist:  # deleted meanwhile, perhaps with its owner
            self.state = State.FAILED


@receiver(models.signals.post_delete, sender=Export)
def delete_file(instance, **kwargs):
    if name := instance.file.name:  # a deletion that is rolled back keeps its file
        transaction.on_commit(lambda: instance._remove(name))
