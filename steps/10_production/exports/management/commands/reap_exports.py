"""Start the exports and emails again that nothing is working on. Run this command once a minute."""

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from exports.reaper import reap
from library.errors import database_message


class Command(BaseCommand):
    help = "Start exports and emails again if nothing is working on them. Run this command once a minute."
    requires_system_checks = []  # some checks read the database, and their error would be a traceback

    def handle(self, *, verbosity, **options):
        try:
            exports, emails = reap()
        except DatabaseError as error:
            raise CommandError(database_message(error)) from error
        if verbosity > 1 or (verbosity and (exports or emails)):
            self.stdout.write(f"Overdue: {exports} exports, {emails} emails.")
