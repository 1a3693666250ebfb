"""The messages of commands about errors of the database."""

import pytest
from django.db import DatabaseError
from psycopg import errors

from library.errors import database_message

pytestmark = pytest.mark.covers("library/errors.py")


def error(text, cause=None):
    """Return an error as Django raises it: the error of the driver is its cause."""
    found = DatabaseError(text)
    found.__cause__ = cause
    return found


@pytest.mark.parametrize(
    "found, needs_migrate",
    [
        (error("no such table: library_book"), True),
        (error('relation "library_book" does not exist', errors.UndefinedTable()), True),
        (error("Relation »library_book« existiert nicht", errors.UndefinedTable()), True),
        (error("la relation « library_book » n'existe pas", errors.UndefinedTable()), True),
        (error("отношение library_book не существует", errors.UndefinedTable()), True),
        (error('role "relation" does not exist', errors.InvalidAuthorizationSpecification()), False),
        (error("permission denied for table library_book", errors.InsufficientPrivilege()), False),
        (error("attempt to write a readonly database"), False),
        (error("disk I/O error"), False),
        (error(""), False),
        (error("first line\nsecond line"), False),
    ],
    ids=str,
)
def test_a_missing_table_is_found_in_any_language(found, needs_migrate):
    message = database_message(found)
    assert message.endswith(" Run `manage.py migrate` first.") == needs_migrate
    assert message.startswith("The database says: ") and "\n" not in message
