"""Write the books to a CSV file, from the shell or from cron."""

import sys
import time
from argparse import RawDescriptionHelpFormatter
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from tqdm import tqdm

from library.atomic_file import atomic_file
from library.book_csv import csv_name, read_lines, write_csv
from library.compression import SUFFIXES, compressed
from library.errors import database_message
from library.filter_options import add_filter_options, filters_from, invalid_filters
from library.filters import filtered_books
from library.native import read_native, why_not_native
from library.output import binary_output, say
from library.signals import sigterm_as_ctrl_c

EXAMPLES = """
examples:
  manage.py export_books                              all books, to books-DATE.csv
  manage.py export_books --genre novel -o novels.csv  all novels
  manage.py export_books --q=-Minus -o minus.csv      use = before a value that begins with -
  manage.py export_books -o - | head -3               the first two books
  manage.py export_books --compress zip               all books, to books-DATE.csv.zip
"""
SPREADSHEET_ROWS = 1_048_576  # including the header


class Command(BaseCommand):
    help = "Write the books that match the filters to a CSV file. Without filters, write all books."
    requires_system_checks = []  # some checks read the database, and their error would be a traceback

    def create_parser(self, *args, **kwargs):
        return super().create_parser(*args, epilog=EXAMPLES, formatter_class=RawDescriptionHelpFormatter, **kwargs)

    def add_arguments(self, parser):
        add_filter_options(parser)
        group = parser.add_argument_group("the file")
        group.add_argument("-o", "--output", metavar="FILE", help="its name, or - for standard output")
        group.add_argument("--force", action="store_true", help="replace FILE if it exists")
        group.add_argument("--raw", action="store_true", help="don't escape formulas")
        group.add_argument("--bom", action="store_true", help="begin with a byte order mark, for Excel")
        group.add_argument("--compress", choices=list(SUFFIXES), help="compress the file while it is written")
        engines = "how the books are read (default: native where it works)"
        group.add_argument("--engine", choices=["auto", "orm", "native"], default="auto", help=engines)

    def handle(self, *, output, force, raw, bom, compress, engine, verbosity, **options):
        started = time.monotonic()
        if output is not None and (not output or str(output).endswith("/")):
            raise CommandError("-o needs the name of a file, or - for standard output.")
        try:
            books = filtered_books(filters_from(options))
        except ValidationError as error:
            raise invalid_filters(error) from None
        if compress == "zstd" and not find_spec("zstandard"):
            raise CommandError("--compress zstd needs a package. Run `pip install zstandard` first.")
        name = str(output or csv_name() + SUFFIXES.get(compress, ""))
        if compress and name == "-" and self.stdout.isatty():
            raise CommandError("Refusing to write compressed data to a terminal. Use -o to name a file.")
        problem = why_not_native(books)
        if engine == "native" and problem:
            raise CommandError(f"--engine native can't be used here: {problem}.")
        read = read_lines if engine == "orm" or problem else read_native
        target = binary_output(self.stdout) if name == "-" else atomic_file(name, force)
        with clear_errors(name), sigterm_as_ctrl_c(), target as file, progress_bar(books, verbosity) as bar:
            with compressed(file, compress, csv_name()) if compress else nullcontext(file) as csv_file:
                written = write_csv(books, csv_file, raw, bom, lambda number: bar.update(number - bar.n), read)
        if verbosity > 0:
            stream = self.stderr if name == "-" else self.stdout
            say(stream, f"Wrote {written:,} books to {name} in {time.monotonic() - started:.1f} s.")
            if written >= SPREADSHEET_ROWS:
                say(stream, f"Note: Excel and LibreOffice open only the first {SPREADSHEET_ROWS - 1:,} books.")


def progress_bar(books, verbosity):
    """Return a progress bar that is shown on a terminal only, and never with -v0."""
    is_silent = verbosity == 0 or sys.stderr is None  # standard error can be closed
    bar = tqdm(unit=" books", unit_scale=True, disable=is_silent or None)
    if not bar.disable:
        bar.reset(total=books.count())
    return bar


@contextmanager
def clear_errors(name):
    """Turn each error into one sentence. The file isn't there, or is as it was before."""
    name = "standard output" if name == "-" else name
    try:
        yield
    except KeyboardInterrupt:
        raise CommandError(f"Stopped. {name} was not written.", returncode=130) from None
    except BrokenPipeError:
        sys.exit(141)  # the exit code of a program that ends with SIGPIPE, as in `| head`
    except FileExistsError:
        raise CommandError(f"{name} exists. Use --force to replace it, or -o to name another file.") from None
    except FileNotFoundError as error:
        folder = Path(error.filename or name).parent
        raise CommandError(f"{name} can't be written. There is no folder {folder}.") from None
    except (OSError, MemoryError) as error:
        raise CommandError(f"{name} can't be written: {getattr(error, 'strerror', 'no memory is left')}.") from error
    except ValueError as error:  # for example a NUL in the name of the file
        raise CommandError(f"{name!r} was not written: {error}.") from error
    except DatabaseError as error:
        raise CommandError(f"{name} was not written. {database_message(error)}") from error
