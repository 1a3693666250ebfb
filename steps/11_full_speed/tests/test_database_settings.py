"""Whatever the administrator of PostgreSQL has set, the pages answer and the files have the same bytes."""

import json

import pytest

from tests.servers import manage
from tests.test_production import ENVIRONMENT, collect_static

pytestmark = [
    pytest.mark.server,
    pytest.mark.services,
    pytest.mark.covers("config", "exports", "library"),
]

# Settings of the role, as in ALTER ROLE library SET DateStyle = ... And what a firewall or idle_session_timeout does.
FEW = [
    ("DateStyle", "German, DMY"),
    ("default_transaction_isolation", "serializable"),
    ("idle connections", "are cut while the file is written"),
]
MANY = [
    ("DateStyle", "SQL, MDY"),
    ("DateStyle", "Postgres, YMD"),
    ("IntervalStyle", "sql_standard"),
    ("IntervalStyle", "iso_8601"),
    ("TimeZone", "Asia/Kathmandu"),
    ("client_encoding", "LATIN1"),
    ("default_transaction_isolation", "repeatable read"),
    ("default_transaction_deferrable", "on"),
    ("standard_conforming_strings", "off"),
    ("transform_null_equals", "on"),
    ("bytea_output", "escape"),
    ("extra_float_digits", "-15"),
    ("quote_all_identifiers", "on"),
    ("enable_indexscan", "off"),
    ("force_parallel_mode", "on"),
    ("jit_above_cost", "0"),
    ("plan_cache_mode", "force_generic_plan"),
    ("cursor_tuple_fraction", "0"),
    ("work_mem", "64kB"),
    ("client_min_messages", "debug5"),
    ("lock_timeout", "1"),
    ("statement_timeout", "1"),
    ("idle_in_transaction_session_timeout", "1"),
    ("session_replication_role", "replica"),
    ("lc_messages", "C.utf8"),
]
CODE = """
import json, psycopg, sys, threading
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from exports import job
from exports.limits import request_export
from exports.models import Export

User.objects.update(email="")
NO_TIMEOUTS = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
server = psycopg.connect(settings.URL, autocommit=True)

def get(path, client):
    answer = client.get(path, secure=True, headers={"host": "books.example.com"})
    return answer.status_code, answer.getvalue()

def outcome():
    user = User.objects.get(username="reader")
    export = request_export(user, {"published_from": "1950-01-01"})
    job.run(str(export.pk))
    export = Export.objects.get(pk=export.pk)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    pages = [get(path, client) for path in ("/books/?q=a", "/exports/", f"/exports/{export.pk}/", "/health/")]
    file = get(f"/exports/{export.pk}/download/", client)[1]
    same = file == get("/books/download/?published_from=1950-01-01", client)[1] and file.count(b"\\\\r\\\\n") > 100
    return [export.state, [status for status, _ in pages], same, cancelled_while_another_writes(user)]

def cancelled_while_another_writes(user):
    export = request_export(user, {"genre": "crime"})
    with psycopg.connect(settings.URL, options=NO_TIMEOUTS) as other:
        other.execute("UPDATE exports_export SET rows_done = 7 WHERE id = %s", [export.pk])
        def commit():
            waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while not server.execute(waiting).fetchone() and waits:
                pass
            other.commit()
        waits = [True]
        thread = threading.Thread(target=commit)
        thread.start()
        try:
            return export.cancel()
        finally:
            waits.clear()
            thread.join()

def write_and_cut(*arguments, **options):
    written = write_csv(*arguments, **options)
    idle = "datname = current_database() AND state = 'idle' AND pid <> pg_backend_pid()"
    server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {idle}")
    return written

write_csv = job.write_csv
for name, value in json.loads(sys.stdin.read()):
    if name == "idle connections":
        job.write_csv = write_and_cut
    else:
        server.execute(f"ALTER ROLE library SET {name} = '{value}'")
    connections.close_all()
    try:
        found = outcome()
    except Exception as error:
        found = f"{type(error).__name__}: {error}".splitlines()[0]
    print(json.dumps([name, value, found]))
    server.execute("ALTER ROLE library RESET ALL")
"""


@pytest.mark.parametrize("settings", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["few", "many"])
def test_the_settings_of_the_role_change_nothing(tmp_path, postgres, settings):
    variables = {**ENVIRONMENT, "DATA_DIR": str(tmp_path)}
    collect_static(tmp_path)
    code = CODE.replace("settings.URL", repr(postgres)).replace("\\\\", "\\")
    done = manage(postgres, "shell", "-v0", "-c", code, variables=variables, input=json.dumps(settings))
    print(done.stdout, done.stderr[-3000:])
    found = [json.loads(line) for line in done.stdout.splitlines()]
    expected = ["done", [200, 200, 200, 200], True, True]
    assert found == [[name, value, expected] for name, value in settings]
