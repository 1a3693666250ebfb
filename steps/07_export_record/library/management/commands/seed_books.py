"""Fill the library with made-up books. The factory makes the first 2,000, and the database multiplies them."""

import argparse
import re
import time
from itertools import cycle

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, transaction
from django.db.models import Max, Min
from factory.random import reseed_random
from tqdm import tqdm

from library.errors import database_message
from library.factories import AuthorFactory, BookFactory, awkward_books
from library.models import Author, Book

BASE = 2_000  # books that the factory makes. All others are later volumes of these
BATCH = 25 * BASE  # books in a transaction. A commit writes each index page that has changed
LIMIT = 99_999_999  # the number of ISBNs that `fake_isbn` can make

# The check digit of an ISBN in SQL. The digits have the weights 1, 3, 1, 3 …, and 9799 weighs 66.
WEIGHTED = " + ".join(f"(number / {10 ** (7 - i)}) %% 10 * {3 if i % 2 else 1}" for i in range(8))
NEXT_VOLUME = f"""
    INSERT INTO library_book (title, author_id, isbn, genre, language, published_on, pages, price)
    SELECT title || %(volume)s, author_id,
           '9799' || substr(cast(100000000 + number AS text), 2) || ((10 - (66 + {WEIGHTED}) %% 10) %% 10),
           genre, language, published_on, pages, price
    FROM (SELECT *, %(number)s + row_number() OVER (ORDER BY id) - 1 AS number
          FROM library_book WHERE id BETWEEN %(first)s AND %(last)s ORDER BY id LIMIT %(limit)s) AS base
    ORDER BY number
"""


def book_count(text):
    if not (re.fullmatch("[0-9]{1,8}", text) and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"enter a whole number from 1 to {LIMIT:,}, not {text[:20]!r}")
    return int(text)


class Command(BaseCommand):
    help = "Add COUNT made-up books to the library. The same --seed makes the same books."
    requires_system_checks = []  # some checks read the database, and their error would be a traceback

    def add_arguments(self, parser):
        parser.add_argument("count", metavar="COUNT", type=book_count, help="how many books to add")
        parser.add_argument("--seed", type=int, default=1, help="a different number makes different books (default: 1)")
        parser.add_argument("--clear", action="store_true", help="remove all books and authors first")

    def handle(self, *, count, seed, clear, verbosity, **options):
        started, done = time.monotonic(), 0
        silent = True if verbosity == 0 else None  # None shows a bar on a terminal and nothing in a pipe
        try:
            if clear:
                Book.objects.all().delete()
                Author.objects.all().delete()
            with tqdm(total=count, unit=" books", unit_scale=True, disable=silent) as bar:
                for added in seed_books(count, seed):
                    done += added
                    bar.update(added)
        except DatabaseError as error:
            raise CommandError(database_message(error)) from error
        except KeyboardInterrupt:
            message = f"Stopped. {done:,} of {count:,} books were added. They are kept."
            raise CommandError(message, returncode=130) from None
        if verbosity > 0:
            self.stdout.write(f"Added {done:,} books in {time.monotonic() - started:.1f} s.")


def seed_books(count, seed):
    """Add `count` books, each batch in its own transaction. Yield the size of each batch."""
    make_room_for_indexes()
    number = next_number()
    if number + count > LIMIT + 1:
        raise CommandError(f"There are only ISBNs for {LIMIT + 1 - number:,} more books.")
    reseed_random(f"{seed} {number}")
    base = make_base(min(count, BASE), number)
    yield len(base)
    ids = Book.objects.filter(isbn__gte=base[0].isbn, isbn__lte=base[-1].isbn).aggregate(
        first=Min("pk"), last=Max("pk")
    )
    for made in range(BASE, count, BATCH):
        with transaction.atomic(), connection.cursor() as cursor:
            end = min(made + BATCH, count)
            for start in range(made, end, BASE):
                row = {"volume": f" {start // BASE + 1}", "number": number + start, "limit": end - start}
                cursor.execute(NEXT_VOLUME, row | ids)
        yield end - made


def make_room_for_indexes():
    """Let SQLite keep its index pages in memory (64 MB). Seeding then takes a third less time."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA cache_size = -65536")
            cursor.execute("PRAGMA wal_autocheckpoint = 20000")


def next_number():
    """Return the first number whose ISBN is free, so that a library can be seeded more than once."""
    highest = Book.objects.filter(isbn__startswith="9799").aggregate(isbn=Max("isbn"))["isbn"]
    return int(highest[4:12]) + 1 if highest else 0


@transaction.atomic
def make_base(count, number):
    """Save books from the factory, the awkward books first, and return them."""
    BookFactory.reset_sequence(number)
    books = awkward_books()[:count]
    authors = [book.author for book in books] + AuthorFactory.build_batch(count // 10)
    Author.objects.bulk_create(authors)
    for author in cycle(authors):
        if len(books) == count:
            break
        books.append(BookFactory.build(author=author))
    return Book.objects.bulk_create(books)
