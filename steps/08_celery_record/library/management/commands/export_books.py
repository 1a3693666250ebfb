"""The books as a CSV file without the web: from the shell, and from cron."""

import sys
import time
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter
from django.db import Error as DatabaseError
from tqdm import tqdm

from library.book_csv import csv_name, write_csv
from library.files import StandardOutput, compressed, drop, stops_like_ctrl_c, whole_file
from library.filters import BookFilter
from library.models import Book, Genre

EXAMPLES = """
examples:
  manage.py export_books                                    all books, into books-DATE.csv
  manage.py export_books --genre novel -o novels.csv        all novels
  manage.py export_books --published-from 2001-01-01 --compress zip
  manage.py export_books --q=-Minus -o minus.csv            with = for a text that begins with -
  manage.py export_books -o - | head -3                     a look at the first books
"""
SUFFIX = {None: "", "zip": ".zip", "gzip": ".gz"}


class Command(BaseCommand):
    help = "Write the books that match the filters, or all of them, to a CSV file."

    def create_parser(self, *args, **kwargs):
        return super().create_parser(*args, epilog=EXAMPLES, formatter_class=HelpFormatter, **kwargs)

    def add_arguments(self, parser):
        books = parser.add_argument_group("which books (the filters of the page)")
        books.add_argument("--q", metavar="TEXT", help="whose title or author contains TEXT")
        books.add_argument("--genre", metavar="GENRE", help=f"one of {', '.join(Genre.values)}")
        books.add_argument("--published-from", metavar="DATE", help="published on DATE, like 2001-12-31, or later")
        books.add_argument("--published-to", metavar="DATE", help="published on DATE or earlier")
        file = parser.add_argument_group("the file")
        file.add_argument("-o", "--output", metavar="FILE", help="its name, or - for standard output")
        file.add_argument("--force", action="store_true", help="replace FILE if it exists")
        file.add_argument("--compress", choices=["zip", "gzip"], help="compress it while it is written")
        file.add_argument("--raw", action="store_true", help="leave texts that a spreadsheet would run as formulas")
        file.add_argument("--bom", action="store_true", help="begin with a byte order mark, for Excel")

    def handle(self, *, output, force, compress, raw, bom, verbosity, **options):
        started = time.monotonic()
        if compress not in SUFFIX:  # which `call_command` does not check
            raise CommandError(f"--compress: {compress!r} is none of {', '.join(filter(None, SUFFIX))}.")
        if output is not None and (not output or str(output).endswith("/")):
            raise CommandError("-o: the name of a file is needed, or - for standard output.")
        books = filtered_books(options)
        name = str(output or csv_name() + SUFFIX[compress])
        with (
            stops_like_ctrl_c(),
            clear_errors("standard output" if name == "-" else name),
            self.target(name, force, compress) as file,
        ):
            with progress_bar(books, verbosity) as bar, compressed(file, compress, csv_name()) as csv_file:
                rows = write_csv(books, csv_file, raw, bom, progress=lambda done: bar.update(done - bar.n))
            size = file.tell()
        if verbosity > 0:
            place = "" if name == "-" else f" to {name}"
            seconds = time.monotonic() - started
            self.say(f"Wrote {rows:,} books, {size:,} bytes, in {seconds:.1f} s{place}.", name)

    def say(self, text, name):
        stream = self.stderr if name == "-" else self.stdout
        try:
            stream.write(text, self.style.SUCCESS)
            stream.flush()
        except OSError:  # nobody listens, and still the file is there
            drop(stream)

    def target(self, name, force, compress):
        if name != "-":
            return whole_file(Path(name), force)
        if compress and (self.stdout.isatty() or not hasattr(self.stdout, "buffer")):
            raise CommandError("A compressed file is nothing to be read here. Name a file with -o.")
        return StandardOutput(self.stdout)


def filtered_books(options):
    """The books that match, by the very filters of the page; a bad value is a CommandError that names it."""
    given = {name: options[name] for name in BookFilter.base_filters}
    book_filter = BookFilter(given, Book.objects.all())
    if not book_filter.is_valid():
        errors = book_filter.form.errors.items()
        said = " ".join(f"--{name.replace('_', '-')}: {' '.join(texts)}" for name, texts in errors)
        raise CommandError(" ".join(said.split()))  # one line, also if the value was more
    return book_filter.qs


def progress_bar(books, verbosity):
    """A bar on a terminal, and nothing in a pipe or where silence was asked for."""
    bar = tqdm(unit=" books", unit_scale=True, disable=True if verbosity == 0 else None)
    if not bar.disable:
        bar.reset(total=books.count())
    return bar


@contextmanager
def clear_errors(name):
    """One line for each thing that can go wrong on the way. The file is not there, or as it was."""
    try:
        yield
    except KeyboardInterrupt:
        raise CommandError(f"Stopped. {name} was not written.", returncode=130) from None
    except BrokenPipeError:
        sys.exit(141)  # like any program whose reader, as in `| head`, has seen enough
    except FileExistsError:
        raise CommandError(f"{name} exists. Add --force to replace it, or name another file with -o.") from None
    except FileNotFoundError as error:
        raise CommandError(f"{name} cannot be written: there is no folder {Path(error.filename).parent}.") from None
    except OSError as error:
        raise CommandError(f"{name} cannot be written: {error.strerror}.") from error
    except ValueError as error:  # a name or a filter that cannot be, like one with half a letter in it
        raise CommandError(f"{name!r} was not written: {error}") from error
    except DatabaseError as error:
        said = f"{name} was not written. The database says: {str(error).splitlines()[0]}."
        raise CommandError(f"{said} (No such table? Run `manage.py migrate` first.)") from error


class HelpFormatter(DjangoHelpFormatter):
    """Keeps the lines of the examples as they are."""

    def _fill_text(self, text, width, indent):
        return "".join(indent + line for line in text.splitlines(keepends=True))
