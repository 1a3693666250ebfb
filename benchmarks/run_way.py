"""Run one way of benchmarks/ladder in this folder's step, write its file, and say what that took as JSON.

    python run_way.py WAY FILE

The clock starts when Django is ready and connected: what a start takes is measured elsewhere.
"""

import json
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
    chunks = import_module(f"ladder.{way}").chunks
    first, started, cpu = None, time.perf_counter(), time.process_time()
    with Path(file).open("wb") as output:
        for chunk in chunks():
            output.write(chunk.encode() if isinstance(chunk, str) else chunk)
            first = first or time.perf_counter() - started
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "first_byte": first, "cpu_seconds": cpu}))


if __name__ == "__main__":
    main(*sys.argv[1:])
