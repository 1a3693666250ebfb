"""A step migrates the database of an earlier step, whatever is in it, and separates schema from data."""

import json
import re

import psycopg
import pytest

from servers import postgresql
from tests.conftest import manage
from tutorial import all_steps, find_step

SLOW = [pytest.mark.services, pytest.mark.slow]
STEP_09, STEP_10 = find_step("09"), find_step("10")

# Twice each state with the same owner and filters, and for each of these an email of every kind.
FILL = """
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from exports.models import Delivery, Export, State

call_command("migrate", verbosity=0)
now = timezone.now()
reader = User.objects.create(username="reader", email="reader@example.com")
columns = {
    "waiting": {},
    "running": {"started_at": now, "rows_total": 7, "rows_done": 3},
    "done": {"started_at": now, "finished_at": now, "rows_total": 7, "rows_done": 7, "file": "a.csv", "size": 9},
    "failed": {"started_at": now, "finished_at": now, "error": "The export stopped unexpectedly."},
}
emails = [None, {"claimed_at": now}, {"claimed_at": now, "sent_at": now}, {"claimed_at": now, "error": "Not sent."}]
if Delivery._meta.get_field("claimed_at").null:
    emails.append({"claimed_at": None})
assert set(State.values) == columns.keys()
number = 0
for state in State.values:
    for email in emails:
        for filters in ({"genre": "novel"}, {"genre": "novel"}, {"q": "a\\u2028b"}):
            number += 1
            created_at = now + timedelta(seconds=number)  # the rows are printed without microseconds
            facts = {"owner": reader, "state": state, "filters": filters, "created_at": created_at}
            export = Export.objects.create(**facts, **columns[state])
            if email is not None:
                Delivery.objects.create(export=export, **email)
"""
MIGRATE = """
from django.core.management import call_command

call_command("migrate", verbosity=0)
call_command("makemigrations", check=True, dry_run=True, verbosity=0)
"""
EXPORT = """
from django.contrib.auth.models import User
from exports import job
from exports.models import Export

job.run(Export.objects.create(owner=User.objects.create_user("reader", "reader@example.com")).pk)
"""
PRINT = """
from django.core import serializers
from exports.models import Delivery, Export

print(serializers.serialize("json", [*Export.objects.all(), *Delivery.objects.all()]))
"""


def rows(step, database, script, folder):
    """Run a script, and return the fields of each row by its model and primary key."""
    printed = manage(step, database, "shell", "--verbosity=0", "--command", script + PRINT, DATA_DIR=str(folder))
    return {(row["model"], row["pk"]): row["fields"] for row in json.loads(printed)}


@pytest.fixture(scope="module")
def server():
    """The URL of a PostgreSQL server for all tests of this file."""
    with postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def database(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'library.sqlite3'}"
    url = request.getfixturevalue("server")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


# Steps 08 and 11 have the same tables as the previous step.
@pytest.mark.parametrize("before", ["07", "09"])
def test_step_10_migrates_every_row_of_an_earlier_step(before, database, tmp_path):
    then = rows(find_step(before), database, FILL, tmp_path)
    now = rows(STEP_10, database, MIGRATE, tmp_path)
    assert now.keys() == then.keys()
    # Of the active exports with the same filters, the oldest one stays. All have the same owner.
    active = sorted((fields["created_at"], str(fields["filters"]), key) for key, fields in active_exports(then))
    oldest = {filters: key for _, filters, key in reversed(active)}
    duplicates = {key for *_, key in active} - {*oldest.values()}
    assert len(oldest) == 2 and duplicates
    for key, fields in then.items():
        if key in duplicates:
            assert now[key]["state"] == "cancelled" and now[key]["finished_at"]
            fields = fields | {"state": "cancelled", "finished_at": now[key]["finished_at"]}
        assert fields.items() <= now[key].items(), key  # what the earlier step has is the same
        if fields.get("state") == "done":
            assert now[key]["expires_at"] > now[key]["finished_at"]


def active_exports(rows):
    return [(key, fields) for key, fields in rows.items() if fields.get("state") in ("waiting", "running")]


# Only step 10 changes rows.
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=SLOW)], indirect=True)
def test_the_reaper_of_step_09_starts_what_step_08_left_unfinished(database, tmp_path):
    then = rows(find_step("08"), database, FILL, tmp_path)
    manage(STEP_09, database, "migrate", "--verbosity=0", DATA_DIR=str(tmp_path))
    active = active_exports(then)
    emails = [fields for (model, _), fields in then.items() if model == "exports.delivery"]
    unsettled = [fields for fields in emails if not fields["sent_at"] and not fields["error"]]
    printed = manage(STEP_09, database, "reap_exports", DATA_DIR=str(tmp_path))
    assert printed == f"Overdue: {len(active)} exports, {len(unsettled)} emails.\n"
    assert len(active) == 2 * 4 * 3 and len(unsettled) == 4 * 3
    printed = manage(STEP_09, database, "reap_exports", "-v2", DATA_DIR=str(tmp_path))
    assert printed == "Overdue: 0 exports, 0 emails.\n"


def test_during_a_deploy_step_09_works_with_the_new_tables_of_step_10(database, tmp_path):
    manage(STEP_10, database, "migrate", "--verbosity=0", DATA_DIR=str(tmp_path))
    new = rows(STEP_09, database, EXPORT, tmp_path)
    assert [fields["state"] for (model, _), fields in new.items() if model == "exports.export"] == ["done"]
    assert new.keys() == rows(STEP_10, database, MIGRATE, tmp_path).keys()


DUPLICATE = """
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError
from exports.models import Export

call_command("migrate", verbosity=0)
call_command("migrate", "exports", "0004", verbosity=0)
reader = User.objects.create_user("reader")
for _ in range(2):
    Export.objects.create(owner=reader, filters={"genre": "novel"})
try:
    call_command("migrate", verbosity=0)
except IntegrityError:
    print("refused")
call_command("migrate", "exports", "0003", verbosity=0)
call_command("migrate", verbosity=0)
print(*sorted(Export.objects.values_list("state", flat=True)))
"""


def test_a_duplicate_that_is_added_during_the_migration_does_not_block_it_forever(database, tmp_path):
    """As 0005 tells you: run `migrate exports 0003`, and `migrate` again."""
    printed = manage(STEP_10, database, "shell", "--verbosity=0", "--command", DUPLICATE, DATA_DIR=str(tmp_path))
    assert printed.split() == ["refused", "cancelled", "waiting"]


def test_no_migration_changes_schema_and_data():
    """PostgreSQL refuses some changes of a table whose rows were changed in the same transaction."""
    found = [path for step in all_steps() for path in step.glob("*/migrations/0*.py")]
    assert len(found) > len(all_steps())
    for path in found:
        operations = set(re.findall(r"\bmigrations\.(\w+)\(", path.read_text("utf-8"))) - {"swappable_dependency"}
        assert operations in ({"RunPython"}, {"RunSQL"}) or operations.isdisjoint({"RunPython", "RunSQL"}), path
