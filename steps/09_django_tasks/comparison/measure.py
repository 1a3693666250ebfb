"""The measurements: what a reader waits for, what the machine holds in memory, and what a kill leaves."""

import threading
import time
from contextlib import ExitStack, contextmanager, suppress

import psutil
from django.utils.dateparse import parse_datetime

from comparison.runners import LEASE
from tests.exporting import copy_of
from tests.servers import wait_for


@contextmanager
def running(runner, database, folder, **variables):
    """A site with its runner; gives the library, a reader, and the workers."""
    folder.mkdir(parents=True)
    library = copy_of(database, folder, mail_limit=1)  # each mail is a link: what is compared is the running
    library.more = {**runner.variables, **variables}
    with ExitStack() as stack:
        site = stack.enter_context(library.site())
        workers = [stack.enter_context(runner.worker(library, **options)) for options in runner.workers]
        yield library, stack.enter_context(library.reader(site)), workers


def rounds(runner, database, folder, exports):
    """One round: three exports one after the other, then a burst of `exports`. Seconds and bytes."""
    with running(runner, database, folder) as (library, reader, _):
        one_export(library, reader)  # what is imported at the first one is imported now
        wait_for(lambda: not library.processes(), "its end")
        idle = memory(runner)
        singles = [one_export(library, reader) for _ in range(3)]
        with peak_memory(runner) as peak:
            started = time.time()
            asked = [reader.export() for _ in range(exports)]
            answered = time.time() - started
            ends = [ended(library, export_id) for export_id in asked]
        burst = {"burst_answers": answered, "burst": max(ends) - started}
    return singles, {**burst, "idle_bytes": idle, "peak_bytes": peak[0]}


def one_export(library, reader, **filters):
    """Seconds from the press of the button to the answer, to the first row, to the end; and those of the job itself."""
    unfinished, exports = library.folder / "data" / "unfinished", library.folder / "data" / "exports"
    before = len(list(exports.glob("*")))
    started = time.time()
    export_id = reader.export(**filters)
    answered = time.time()

    def first_row():
        with suppress(FileNotFoundError):
            return any(part.stat().st_size for part in unfinished.glob("*")) or len(list(exports.glob("*"))) > before

    wait_for(first_row, "the first row")
    row = time.time()
    end = ended(library, export_id)
    job = end - seconds(library.row(export_id)["started_at"])
    overhead = end - started - job
    return {"answer": answered - started, "first_row": row - answered, "finish": end - started, "overhead": overhead}


def ended(library, export_id):
    """When the export ended; it must be done."""
    row = wait_for(lambda: finished(library.row(export_id)), "the export to end", seconds=180)
    assert row["state"] == "done", row["error"]
    return seconds(row["finished_at"])


def finished(row):
    return row if row["finished_at"] else None


def seconds(text):
    """A moment, as SQLite has it, in seconds since 1970."""
    return parse_datetime(f"{text}+00:00").timestamp()


def memory(runner):
    """Bytes of all that runs for it: site, workers, exports and broker. Shared pages are counted once (PSS)."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if process.pid in runner.broker or not any(process.pid in others for others in runner.others):
                total += process.memory_full_info().pss
    return total


@contextmanager
def peak_memory(runner):
    """A list whose only number is the most memory that was seen; it is looked at ten times a second."""
    peak, over = [memory(runner)], threading.Event()

    def watch():
        while not over.wait(0.1):
            peak[0] = max(peak[0], memory(runner))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def large(runner, database, folder):
    """One export of the large library."""
    with running(runner, database, folder) as (library, reader, _):
        one_export(library, reader, published_to="1900-12-31")  # what is imported at the first one is imported now
        return one_export(library, reader)


def after_a_kill(runner, database, folder, patience):
    """What becomes of an export whose process (with its worker, if it has one) is killed, when a new worker comes.

    It is lost if nothing has become of it in `patience` seconds, which must be more than lease and time-out here.
    """
    with running(runner, database, folder, **LEASE) as (library, reader, workers):
        export_id = reader.export()
        wait_for(lambda: library.row(export_id)["rows_total"], "the export to run")
        for worker in workers:
            worker.kill()
        for process in library.processes():
            process.kill()
        killed = time.time()
        with ExitStack() as stack:
            for options in runner.workers:
                stack.enter_context(runner.worker(library, **options, **runner.after_kill))
            while time.time() < killed + patience:
                row = library.row(export_id)
                if row["finished_at"]:
                    outcome = "run again" if row["state"] == "done" else "noticed"
                    return {"outcome": outcome, "seconds": seconds(row["finished_at"]) - killed}
                time.sleep(0.05)
    return {"outcome": "lost", "seconds": None}
