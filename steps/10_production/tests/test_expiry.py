"""Files are kept for some days, and are known by their SHA-256."""

import hashlib
import os
import re
import time
import uuid

import pytest

pytestmark = pytest.mark.server


def test_a_file_is_kept_for_so_many_days_and_then_its_owner_reads_that_it_has_expired(library):
    with library.site() as site, library.reader(site) as reader:
        export_id = reader.export(genre="novel")
        assert reader.wait_for_end(export_id) == "done"
        assert library.manage("prune_exports").stdout == "0 exports expired, 0 left-over files deleted.\n"
        assert reader.download(export_id)
        library.change("UPDATE exports_export SET expires_at = '2026-01-01 12:00:00'")
        assert library.manage("prune_exports").stdout == "1 exports expired, 0 left-over files deleted.\n"
        assert library.files() == []
        assert reader.state(export_id) == "expired"
        page = reader.get(f"/exports/{export_id}/").text
        assert "Its file was kept until 2026-01-01, 12:00 UTC" in page and "Try again" in page
        assert reader.get(f"/exports/{export_id}/download/").status_code == 404
        assert "Expired" in reader.get("/exports/").text


def test_it_is_kept_for_a_week_unless_the_settings_say_otherwise(library):
    for days in ("", "2"):
        (export_id,) = library.new_exports()
        assert library.manage("run_export", export_id, variables={"EXPORT_KEEP": days}).returncode == 0
        kept = "SELECT round(julianday(expires_at) - julianday(finished_at), 3) FROM exports_export WHERE id = ?"
        assert library.change(kept, export_id.replace("-", "")) == [(float(days or 7),)]


def test_what_dead_processes_left_behind_is_deleted_when_it_is_old(library):
    exports, unfinished = library.folder / "data" / "exports", library.folder / "data" / "unfinished"
    for folder in (exports, unfinished):
        folder.mkdir(parents=True)
    (export_id,) = library.new_exports()
    assert library.manage("run_export", export_id).returncode == 0
    left = [exports / f"{uuid.uuid4()}-1.csv", unfinished / "orphan-1.part"]
    new = [exports / f"{uuid.uuid4()}-1.csv", unfinished / "new-1.part"]
    other = exports / "books-2026-11-25.csv"  # somebody else's, in the same place
    for file in [*left, *new, other]:
        file.write_text("half")
    for file in [*left, other, exports / library.row(export_id)["file"]]:
        os.utime(file, (time.time() - 90_000,) * 2)
    assert library.manage("prune_exports").stdout == "0 exports expired, 2 left-over files deleted.\n"
    assert not any(file.exists() for file in left) and all(file.exists() for file in [*new, other])
    assert (exports / library.row(export_id)["file"]).exists()


def test_the_page_tells_the_digest_of_the_file(library):
    with library.site() as site, library.reader(site) as reader:
        export_id = reader.export(genre="novel")
        assert reader.wait_for_end(export_id) == "done"
        page = reader.get(f"/exports/{export_id}/").text
        told = re.search(r'data-test="sha256">([0-9a-f]{64})<', page).group(1)
        assert told == hashlib.sha256(reader.download(export_id)).hexdigest()
