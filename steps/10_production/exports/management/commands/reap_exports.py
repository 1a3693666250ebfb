"""For a timer, once a minute: what died is ended, and what was not told is told."""

from contextlib import suppress

from django.core.management.base import BaseCommand

from exports.delivery import deliver
from exports.logs import about
from exports.models import Export
from exports.retry import Again


class Command(BaseCommand):
    help = "End the exports whose process died, and send the mails that nobody sent. Meant to run once a minute."

    def handle(self, *, verbosity, **options):
        dead = Export.objects.reap()
        perhaps = Export.objects.mailed_perhaps().update(mail_error="It is not known whether the mail was sent.")
        Export.objects.unmailed().filter(owner__email="").update(mail_error="There was no address.")
        mails = 0
        for export in Export.objects.unmailed():
            with about(export), suppress(Again):  # in a minute
                deliver(export, retry=True)
                mails += 1
        if verbosity > 1 or (verbosity and (dead or perhaps or mails)):
            self.stdout.write(f"{dead} ended as failed, {mails} told by mail, {perhaps} told perhaps.")
