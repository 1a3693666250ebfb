"""Write books as CSV: RFC 4180, UTF-8, with a header."""

import csv
import re

from django.utils import timezone

HEADER = ["title", "author", "isbn", "genre", "language", "published_on", "pages", "price"]
FIELDS = ["title", "author__name", *HEADER[2:]]  # what each column is read from
BOM = "\ufeff"  # at the start of a file, it tells Excel that the file is UTF-8
# The start of each part of a text that a spreadsheet could read as a cell of its own.
FORMULA = re.compile(r"(?<![^;\t\r\n])(?=[=+\-@])")


def csv_name():
    """Return the file name for today's books."""
    return f"books-{timezone.localdate()}.csv"


def write_csv(queryset, file, raw=False, bom=False):
    """Write the books to `file`, which accepts text, in the order of their primary key.

    Formulas are escaped unless `raw` is true.
    """
    escape = str if raw else escape_formulas
    if bom:
        file.write(BOM)
    writer = csv.writer(file)
    writer.writerow(HEADER)
    rows = queryset.order_by("pk").values_list(*FIELDS)
    for title, author, *others in rows.iterator():
        writer.writerow([escape(title), escape(author), *others])


def escape_formulas(text):
    """Add an apostrophe where a spreadsheet would otherwise start a formula.

    The text can be split into several cells if the spreadsheet reads the file with a
    semicolon or a tab as the separator.
    """
    return FORMULA.sub("'", text)
