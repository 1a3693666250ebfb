"""An export that its owner does not want any more."""

from contextlib import nullcontext, suppress

import pytest

from tests.db_workers import db_worker, with_database
from tests.exporting import Library
from tests.servers import smtp, wait_for
from tests.workers import with_celery, worker

pytestmark = pytest.mark.server


def with_spawn(library: Library):
    return library


RUNNERS = {
    "spawn": (with_spawn, lambda library: nullcontext()),
    "database": (with_database, db_worker),
    "celery": (with_celery, worker),
}


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_running_export_that_is_cancelled_stops_and_leaves_no_file_and_no_mail(large_library, runner):
    having, working = RUNNERS[runner]
    with smtp() as (large_library.mail_server, mails), having(large_library).site() as site:
        with working(large_library), large_library.reader(site) as reader:
            export_id = reader.export()
            wait_for(lambda: large_library.row(export_id)["rows_done"], "the first books")
            held = large_library.processes()  # none, if a worker makes the file
            for process in held:
                process.suspend()
            assert reader.post(f"/exports/{export_id}/cancel/").headers["Location"] == f"/exports/{export_id}/"
            assert reader.state(export_id) == "cancelled"
            sizes = [written(large_library)]
            for process in held:
                process.resume()
            wait_for(lambda: sizes.append(written(large_library)) or not sizes[-1], "its process to notice")
            row = large_library.row(export_id)
            assert 0 < row["rows_done"] < row["rows_total"]
            if held:  # it has written less than half of what was left, at 80 bytes a book or more
                assert max(sizes) < (sizes[0] + 80 * row["rows_total"]) / 2
            assert large_library.files() == []
            wait_for(lambda: not large_library.processes(), "its process to end")
            # A worker goes on with the next one, and the same books may be asked for at once.
            assert reader.wait_for_end(reader.export(genre="novel", published_from="2024-01-01")) == "done"
            again = reader.export()
            assert again != export_id
            reader.post(f"/exports/{again}/cancel/")
            wait_for(lambda: mails, "the mail about the one that is done")
    assert len(mails) == 1


def written(library):
    """The size in bytes of what is written of unfinished exports."""
    total = 0
    for path in library.unfinished_exports():
        with suppress(FileNotFoundError):  # removed just now
            total += path.stat().st_size
    return total


def test_one_that_waits_is_never_begun_and_one_that_has_ended_stays_as_it_is(library):
    with with_celery(library).site() as site, library.reader(site) as reader:
        cancelled, wanted = reader.export(), reader.export(genre="novel")
        reader.post(f"/exports/{cancelled}/cancel/")
        with worker(library):
            assert reader.wait_for_end(wanted) == "done"
        row = library.row(cancelled)
        assert (row["state"], row["attempt"], row["mail_claimed_at"]) == ("cancelled", 0, None)
        reader.post(f"/exports/{wanted}/cancel/")
        assert reader.state(wanted) == "done"
        assert reader.download(wanted)
