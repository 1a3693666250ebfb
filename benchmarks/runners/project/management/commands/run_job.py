"""Run a job. The runner `process` starts this command."""

from django.core.management.base import BaseCommand

from runners.project import jobs


class Command(BaseCommand):
    help = "Run a job of the benchmark now."

    def add_arguments(self, parser):
        parser.add_argument("kind", choices=jobs.JOBS)
        parser.add_argument("key")

    def handle(self, *, kind, key, **options):
        jobs.run(kind, key)
