"""Email what Open Library knows about a book. A job like this can take a while, so it isn't for a view."""

from smtplib import SMTPException

import httpx
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.mail import EmailMessage
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from stdnum import isbn as isbn_numbers

from library.output import say


class Command(BaseCommand):
    help = "Look up ISBN in Open Library, and email the book's details to ADDRESS."
    requires_system_checks = []  # some checks read the database, and their error would be a traceback

    def add_arguments(self, parser):
        parser.add_argument("isbn", metavar="ISBN", help="10 or 13 digits, as printed on the book")
        parser.add_argument("address", metavar="ADDRESS", help="the email address")

    def handle(self, *, isbn, address, **options):
        if not isbn_numbers.is_valid(isbn):
            raise CommandError(f"{isbn} is not a valid ISBN (wrong check digit).")
        try:
            validate_email(address)
            title, text = fetch(isbn_numbers.to_isbn13(isbn_numbers.compact(isbn)))
            # With this header, no holiday notice comes back.
            EmailMessage(title, text, to=[address], headers={"Auto-Submitted": "auto-generated"}).send()
        except ValidationError:
            raise CommandError(f"{address!r} is not a valid email address.") from None
        except (OSError, SMTPException, ImproperlyConfigured, UnicodeError) as error:
            raise CommandError(f"The email could not be sent: {error}") from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. We don't know whether the email was sent.", returncode=130) from None
        say(self.stdout, f"Sent to {address}: {title}")


def fetch(isbn):
    """Return title and description of a book (see https://openlibrary.org/dev/docs/api/books)."""
    query = {"bibkeys": f"ISBN:{isbn}", "jscmd": "data", "format": "json"}
    url = f"{settings.OPEN_LIBRARY_URL}/api/books"
    try:
        books = httpx.get(url, params=query, timeout=10, follow_redirects=True).raise_for_status().json()
        if books == {}:
            raise CommandError(f"Open Library doesn't have a book with the ISBN {isbn}.")
        return describe(books[f"ISBN:{isbn}"])
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandError(f"Open Library didn't answer: {str(error).splitlines()[0]}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CommandError("Open Library sent an answer that this command can't read.") from error


def describe(book):
    title = " ".join(book["title"].split())  # the subject of an email has one line
    authors = ", ".join(author["name"] for author in book.get("authors", []))
    lines = [title, f"by {authors}" if authors else "", book.get("publish_date"), book.get("url")]
    return title, "\n".join(line for line in lines if line)
