"""Run a task. The subprocess backend starts this command."""

import inspect
import json
import signal

from django.core.exceptions import SuspiciousOperation
from django.core.management.base import BaseCommand, CommandError

from backends.base import find_task


class Command(BaseCommand):
    help = "Run a task now, and wait until it has finished."
    requires_system_checks = []  # some checks read the database, and their error would be a traceback

    def add_arguments(self, parser):
        parser.add_argument("path", metavar="PATH", help="such as exports.tasks.run_export")
        parser.add_argument(
            "arguments", metavar="ARGUMENTS", nargs="?", default="[[], {}]", help='JSON, such as [["a", 7], {"b": 8}]'
        )

    def handle(self, *, path, arguments, **options):
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # KeyboardInterrupt lets the task clean up
        try:
            args, kwargs = json.loads(arguments)
            task = find_task(path)
            inspect.signature(task.func).bind(*args, **kwargs)  # raises TypeError
        except (ValueError, TypeError) as error:
            raise CommandError(f"The task could not be called: {error}") from error
        except (ImportError, SuspiciousOperation) as error:
            raise CommandError(str(error)) from error
        try:
            task.call(*args, **kwargs)
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=130) from None
