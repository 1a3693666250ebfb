"""The reaper: find the exports and emails that nothing is working on, and start them again."""

import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from backends.queue import is_queued
from exports.delivery import NOT_KNOWN
from exports.models import ACTIVE, OVERDUE, TRIES, UNSETTLED, Delivery, Export
from exports.tasks import run_export

logger = logging.getLogger(__name__)
START_GIVE_UP_AFTER = timedelta(days=1)


def reap():
    """Start what is overdue, and end what can't be started. Return the number of exports and of emails."""
    exports = [export for export in Export.objects.filter(ACTIVE, OVERDUE) if recover_export(export)]
    emails = [delivery for delivery in Delivery.objects.filter(UNSETTLED, OVERDUE) if recover_email(delivery)]
    return len(exports), len(emails)


def recover_export(export):
    """Enqueue the export again, or let it fail. Return whether something was done."""
    if not export.tries_left:
        return export.fail(export.token, f"The export stopped unexpectedly {TRIES} times.", ACTIVE & OVERDUE)
    if timezone.now() - export.created_at > START_GIVE_UP_AFTER:
        return export.fail(export.token, "The export could not be started. Please try again.", ACTIVE & OVERDUE)
    return not is_queued(run_export, str(export.pk)) and requeue(export)


def recover_email(delivery):
    """Enqueue the export again, so that its task sends the email. Return whether something was done."""
    if delivery.claimed_at:  # the process died while it was sending, or just before or after
        return delivery.end(delivery.token, NOT_KNOWN, UNSETTLED & OVERDUE)
    return not is_queued(run_export, str(delivery.pk)) and requeue(delivery)


def requeue(row):
    """Extend the lease of an export or of its email, and enqueue a task. Both rows have the same primary key.

    Return False if another reaper was faster, or the worker has come back.
    """
    with transaction.atomic():  # with the database backend, both rows are saved or neither
        if is_requeued := row.requeue():
            logger.warning("Nothing is working on export %s, so it is enqueued again.", row.pk)
            run_export.enqueue(str(row.pk))
    return is_requeued
