"""Run a module of benchmarks/ladder in the step of this folder. Write its file, and print its times as JSON.

    python run_way.py MODULE FILE
    python run_way.py MODULE.FUNCTION FILE

The function yields chunks. If it is named "write", it writes into the open file. The time begins when Django is ready
and connected to the database.
"""

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path

import django


def main(way, file):
    sys.path.insert(0, "")
    django.setup()
    from django.db import connection

    connection.ensure_connection()
    module, _, name = way.partition(".")
    function = getattr(import_module(f"ladder.{module}"), name or "chunks")
    first, started, before = None, time.perf_counter(), os.times()
    with Path(file).open("wb") as output:
        if name == "write":
            function(output)
        else:
            for chunk in function():
                output.write(chunk.encode() if isinstance(chunk, str) else chunk)
                first = first or time.perf_counter() - started
    seconds, after = time.perf_counter() - started, os.times()
    cpu = sum(after[:4]) - sum(before[:4])  # of this process and its children
    print(json.dumps({"seconds": seconds, "first_byte": first, "cpu_seconds": cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
