"""Make the tables, and put a first job into the queue. One process does both, because the tests should be short."""

from django.core.management import call_command
from django.core.management.base import BaseCommand

from runners.project import jobs, tasks


class Command(BaseCommand):
    help = "Migrate, and enqueue a job."

    def add_arguments(self, parser):
        parser.add_argument("kind", choices=jobs.JOBS)
        parser.add_argument("key")

    def handle(self, *, kind, key, **options):
        call_command("migrate", verbosity=0)
        tasks.enqueue(kind, key)
