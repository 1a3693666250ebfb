"""The filters of the book list as options of a command."""

from django.core.management.base import CommandError

from library.filters import BookFilter
from library.models import Genre


def add_filter_options(parser):
    """Add an option for each filter to an argument parser."""
    group = parser.add_argument_group("filters, as on the page")
    group.add_argument("--q", metavar="TEXT", help="only books with TEXT in title or author")
    group.add_argument("--genre", help=f"one of {', '.join(Genre.values)}")
    for name in ("--published-from", "--published-to"):
        group.add_argument(name, metavar="DATE", help="a date like 2001-12-31")


def filters_from(options):
    """Return the filters among a command's options, as `filtered_books` takes them."""
    return {name: options[name] for name in BookFilter.base_filters if options.get(name) is not None}


def invalid_filters(error):
    """Return a CommandError that names the options of a ValidationError, in one line."""
    texts = [f"--{name.replace('_', '-')}: {' '.join(messages)}" for name, messages in error.message_dict.items()]
    return CommandError(" ".join(" ".join(texts).split()))
