"""Mail somebody what Open Library knows about a book: a job that no visitor waits for."""

from smtplib import SMTPException

import httpx
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.mail import send_mail
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from stdnum import isbn as isbn_numbers


class Command(BaseCommand):
    help = "Look ISBN up in Open Library and mail what it says about the book to ADDRESS."

    def add_arguments(self, parser):
        parser.add_argument("isbn", metavar="ISBN", help="as printed on the book, of 10 or 13 digits")
        parser.add_argument("address", metavar="ADDRESS", help="who gets the mail")

    def handle(self, *, isbn, address, **options):
        if not isbn_numbers.is_valid(isbn):
            raise CommandError(f"{isbn!r} is no ISBN: its digits do not add up.")
        try:
            validate_email(address)
            title, text = fetch(isbn_numbers.to_isbn13(isbn_numbers.compact(isbn)))
            send_mail(title, text, from_email=None, recipient_list=[address])
        except ValidationError:
            raise CommandError(f"{address!r} is no e-mail address.") from None
        except (OSError, SMTPException, ImproperlyConfigured, UnicodeError) as error:
            raise CommandError(f"The mail could not be sent: {error}") from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. No mail was sent.", returncode=130) from None
        self.stdout.write(f"Sent to {address}: {title}")


def fetch(isbn):
    """Title and text about the book (https://openlibrary.org/dev/docs/api/books says what comes)."""
    query = {"bibkeys": f"ISBN:{isbn}", "jscmd": "data", "format": "json"}
    url = f"{settings.OPEN_LIBRARY_URL}/api/books"
    try:
        answer = httpx.get(url, params=query, timeout=10, follow_redirects=True).raise_for_status()
        books = answer.json()
        if books == {}:
            raise CommandError(f"Open Library knows no book with the ISBN {isbn}.")
        return describe(books[f"ISBN:{isbn}"])
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandError(f"Open Library did not answer: {str(error).splitlines()[0]}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CommandError("Open Library answered with something else than what it promises.") from error


def describe(book):
    title = " ".join(book["title"].split())  # of one line: it is the subject of the mail
    authors = ", ".join(author["name"] for author in book.get("authors", []))
    lines = [title, f"by {authors}" if authors else "", book.get("publish_date"), book.get("url")]
    return title, "\n".join(line for line in lines if line)
