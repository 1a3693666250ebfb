"""What the site starts for each export. By hand it starts one that waits because its process never ran."""

from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from exports import job
from exports.models import Export, State
from library.files import stops_like_ctrl_c


class Command(BaseCommand):
    help = "Make the waiting export with this ID. (The site starts this for each export.)"
    requires_system_checks = []  # the site made them when it started

    def add_arguments(self, parser):
        parser.add_argument("id", metavar="ID", type=UUID, help="as in the address of the export's page")

    def handle(self, *, id, **options):
        try:
            export = Export.objects.get(pk=id)
        except Export.DoesNotExist:
            raise CommandError(f"There is no export {id}.") from None
        except DatabaseError as error:
            raise CommandError(
                f"The database says: {error}. (No such table? Run `manage.py migrate` first.)"
            ) from error
        with stops_like_ctrl_c():
            job.run(export)
        if export.state == State.FAILED:
            raise CommandError(f"Export {id} failed: {export.error}")
