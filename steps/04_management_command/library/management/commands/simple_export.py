from pathlib import Path

from django.core.management.base import BaseCommand

from library.book_csv import write_csv
from library.models import Book


class Command(BaseCommand):
    help = "Write all books to books.csv."

    def handle(self, **options):
        with Path("books.csv").open("wb") as file:
            books = write_csv(Book.objects.all(), file)
        self.stdout.write(f"Wrote {books:,} books.")
