"""`manage.py compare_runners`, in small: what it measures on a library like ours is for its own runs."""

import json

import pytest

from tests.servers import manage

pytestmark = pytest.mark.server


@pytest.mark.slow
def test_it_runs_the_same_exports_through_each_runner_and_writes_all_figures(tmp_path):
    output = tmp_path / "figures.json"
    small = ["--rounds=1", "--exports=3", "--books=2000", "--large=600000", "--patience=4"]
    two = ["--runner=spawn", "--runner=celery-files"]
    done = manage(tmp_path / "none.sqlite3", "compare_runners", *small, *two, "-o", output)
    assert done.returncode == 0, done.stderr
    figures = json.loads(output.read_text())
    assert figures["runs"].keys() == figures["medians"].keys() == {"spawn", "celery-files"}
    for name, runs in figures["runs"].items():
        median = figures["medians"][name]
        assert len(runs["singles"]) == 3 and len(runs["bursts"]) == len(runs["large"]) == 1
        for single in runs["singles"]:
            assert 0 < single["answer"] < single["answer"] + single["first_row"]
            assert 0 < single["overhead"] < single["finish"]
        assert median["peak_bytes"]["median"] >= median["idle_bytes"]["median"] > 20_000_000
        assert 0 < median["large_share"] < median["share"] < 1  # a longer job feels it less
        assert runs["killed"] == {"outcome": "lost", "seconds": None}
        assert name in done.stdout
    # A process for each export, each with a Django of its own, against two that are there already.
    assert figures["medians"]["spawn"]["overhead"]["median"] > figures["medians"]["celery-files"]["overhead"]["median"]


def test_what_cannot_be_measured_is_named(tmp_path):
    options = {"variables": {"PATH": str(tmp_path)}}
    done = manage(tmp_path / "none.sqlite3", "compare_runners", "--runner=horses", **options)
    assert done.returncode == 1 and "horses: the runners are spawn, " in done.stderr
    done = manage(tmp_path / "none.sqlite3", "compare_runners", "-o", tmp_path / "nowhere" / "f.json", **options)
    assert done.returncode == 1 and "There is no folder" in done.stderr
    done = manage(tmp_path / "none.sqlite3", "compare_runners", "--books=0", **options)
    assert done.returncode == 1 and "at least 1" in done.stderr
