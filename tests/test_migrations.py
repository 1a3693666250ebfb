"""A step migrates the database of an earlier step, whatever is in it, and separates schema from data."""

import json
import re
import uuid

import psycopg
import pytest

from tests.conftest import manage
from tutorial import all_steps, find_step


def databases(*pairs):
    """Parametrize a test with pairs of steps, on each database. Only step 10 changes rows, so the others are slow."""
    return pytest.mark.parametrize(
        "step, before, database",
        [
            pytest.param(find_step(later), find_step(earlier), kind, marks=marks, id=f"{earlier}-{later}-{kind}")
            for earlier, later in pairs
            for kind, marks in {
                "sqlite": [],
                "postgresql": [pytest.mark.services] + [pytest.mark.slow] * (later != "10"),
            }.items()
        ],
        indirect=["database"],
    )


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
def postgresql(servers):
    """The URL of a server."""
    with servers.postgresql() as url:
        yield url.rpartition("/")[0]


@pytest.fixture
def database(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'library.sqlite3'}"
    server, name = request.getfixturevalue("postgresql"), f"library_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/template1", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


# Steps 08 and 11 have the same tables as the step before.
@databases(("07", "10"), ("09", "10"))
def test_a_step_migrates_every_row_of_an_earlier_step(step, before, database, tmp_path):
    then = rows(before, database, FILL, tmp_path)
    now = rows(step, database, MIGRATE, tmp_path)
    assert now.keys() == then.keys()
    duplicates = later_duplicates(then)
    for key, fields in then.items():
        if key in duplicates:
            assert now[key]["state"] == "cancelled" and now[key]["finished_at"]
            fields = fields | {"state": "cancelled", "finished_at": now[key]["finished_at"]}
        assert fields.items() <= now[key].items(), key  # what the earlier step has is the same
        if fields.get("state") == "done":
            assert now[key]["expires_at"] > now[key]["finished_at"]


def later_duplicates(rows):
    """Return the keys of the active exports, except the oldest with each owner and filters."""
    active = [(key, fields) for key, fields in rows.items() if is_active(fields)]
    requests = {}
    for key, fields in sorted(active, key=lambda row: row[1]["created_at"]):
        requests.setdefault((fields["owner"], str(fields["filters"])), []).append(key)
    return {key for _, *later in requests.values() for key in later}


def is_active(fields):
    return fields.get("state") in ("waiting", "running")


@databases(("08", "09"))
def test_the_reaper_starts_what_a_step_without_one_left_unfinished(step, before, database, tmp_path):
    then = rows(before, database, FILL, tmp_path)
    manage(step, database, "migrate", "--verbosity=0", DATA_DIR=str(tmp_path))
    active = [key for key, fields in then.items() if is_active(fields)]
    emails = [fields for (model, _), fields in then.items() if model == "exports.delivery"]
    unsettled = [fields for fields in emails if not fields["sent_at"] and not fields["error"]]
    printed = manage(step, database, "reap_exports", DATA_DIR=str(tmp_path))
    assert printed == f"Overdue: {len(active)} exports, {len(unsettled)} emails.\n"
    assert len(active) == 2 * 4 * 3 and len(unsettled) == 4 * 3
    assert manage(step, database, "reap_exports", "-v2", DATA_DIR=str(tmp_path)) == "Overdue: 0 exports, 0 emails.\n"


@databases(("09", "10"))
def test_during_a_deploy_the_step_before_works_with_the_new_tables(step, before, database, tmp_path):
    manage(step, database, "migrate", "--verbosity=0", DATA_DIR=str(tmp_path))
    new = rows(before, database, EXPORT, tmp_path)
    assert [fields["state"] for (model, _), fields in new.items() if model == "exports.export"] == ["done"]
    assert new.keys() == rows(step, database, MIGRATE, tmp_path).keys()


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


@databases(("09", "10"))
def test_a_duplicate_that_is_added_during_the_migration_does_not_block_it_forever(step, before, database, tmp_path):
    """As 0005 tells you: run `migrate exports 0003`, and `migrate` again."""
    printed = manage(step, database, "shell", "--verbosity=0", "--command", DUPLICATE, DATA_DIR=str(tmp_path))
    assert printed.split() == ["refused", "cancelled", "waiting"]


def test_no_migration_changes_schema_and_data():
    """PostgreSQL refuses some changes of a table whose rows were changed in the same transaction."""
    found = [path for step in all_steps() for path in step.glob("*/migrations/0*.py")]
    assert len(found) > len(all_steps())
    for path in found:
        operations = set(re.findall(r"\bmigrations\.(\w+)\(", path.read_text("utf-8"))) - {"swappable_dependency"}
        assert operations in ({"RunPython"}, {"RunSQL"}) or operations.isdisjoint({"RunPython", "RunSQL"}), path
