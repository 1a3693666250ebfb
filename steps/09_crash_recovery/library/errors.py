"""Error messages for the people who run a command."""


def database_message(error):
    """Return a sentence about a DatabaseError. If a table is missing, it says which command creates it."""
    message = f"The database says: {(str(error).splitlines() or ['no details'])[0]}."
    # PostgreSQL has messages in many languages, and a code for each.
    is_table_missing = "no such table" in message or getattr(error.__cause__, "sqlstate", "") == "42P01"
    return message + (" Run `manage.py migrate` first." if is_table_missing else "")
