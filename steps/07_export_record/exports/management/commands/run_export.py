"""Run an export. The view starts this command."""

from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from exports import job
from exports.models import State
from library.errors import database_message
from library.signals import sigterm_as_ctrl_c


class Command(BaseCommand):
    help = "Write the file of a waiting export, and email it to its owner."
    requires_system_checks = []  # some checks read the database, and their error would be a traceback

    def add_arguments(self, parser):
        parser.add_argument("id", metavar="ID", type=UUID, help="the last part of the URL of the export's page")

    def handle(self, *, id, **options):
        try:
            with sigterm_as_ctrl_c():
                export = job.run(id)
        except DatabaseError as error:
            raise CommandError(database_message(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=130) from None
        if export is None:
            raise CommandError(f"There is no export {id}.")
        if export.state == State.FAILED:
            raise CommandError(f"The export has failed: {export.error}")
