"""`manage.py compare_runners` runs real exports with each runner."""

import json

import pytest
from django.core.management import CommandError, call_command

pytestmark = [pytest.mark.server, pytest.mark.covers("exports", "config", "tests/exporting.py")]


def test_it_measures_each_runner_and_compares_them(library, tmp_path):
    options = ["--exports=2", "--rounds=1", "--genre=novel", "-o", tmp_path / "results.json"]
    done = library.manage("compare_runners", *options)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["exports"] == 2 and list(results["median"]) == ["subprocess", "celery"]
    for figures in results["median"].values():
        assert 0 < figures["respond"] / 1000 < figures["one"] <= figures["burst"] * 2
        assert figures["memory"] > 0
    assert results["median"]["subprocess"]["idle"] == 0 < results["median"]["celery"]["idle"]
    assert "Sent to" not in done.stdout  # which each export prints
    for text in ("2 exports at the same time", "worker, broker", "MB while nothing runs", "times as long"):
        assert text in done.stdout
    assert library.files() == []  # its emails and its queue were in a temporary folder


@pytest.mark.parametrize(
    "options, message",
    [
        (["--exports=0"], "need a number from 1 up"),
        (["--exports=many"], "invalid int value"),
        (["--genre=x"], "--genre"),
    ],
)
@pytest.mark.django_db
def test_an_invalid_option_is_one_line(options, message):
    with pytest.raises(CommandError, match=message) as caught:  # `manage.py` prints it without a traceback
        call_command("compare_runners", *options)
    assert len(str(caught.value).splitlines()) == 1


def test_without_tables_it_names_the_command_that_creates_them(library, tmp_path):
    library.database = tmp_path / "empty.sqlite3"
    done = library.manage("compare_runners")
    assert done.returncode == 1
    assert "no such table" in done.stderr and "manage.py migrate" in done.stderr
