"""Email the books as a CSV file. The view starts this command."""

from smtplib import SMTPException

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import Error as DatabaseError

from exports.job import send_export
from library.errors import database_message
from library.filter_options import add_filter_options, filters_from, invalid_filters
from library.output import say
from library.signals import sigterm_as_ctrl_c


class Command(BaseCommand):
    help = "Write the books that match the filters to a file, and email it to ADDRESS."
    requires_system_checks = []  # some checks read the database, and their error would be a traceback

    def add_arguments(self, parser):
        parser.add_argument("--to", metavar="ADDRESS", required=True, help="the email address")
        add_filter_options(parser)

    def handle(self, *, to, verbosity, **options):
        try:
            validate_email(to)
        except ValidationError:
            raise CommandError(f"{to!r} is not a valid email address.") from None
        try:
            with sigterm_as_ctrl_c():
                send_export(to, filters_from(options))
        except ValidationError as error:
            raise invalid_filters(error) from None
        except (OSError, SMTPException) as error:
            raise CommandError(f"The export could not be sent to {to}: {error}") from error
        except DatabaseError as error:
            raise CommandError(f"The export was not sent. {database_message(error)}") from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. No email was sent.", returncode=130) from None
        if verbosity > 0:
            say(self.stdout, f"Sent to {to}.")
