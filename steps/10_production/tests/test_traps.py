"""What a spawned process does not survive, and what nobody then learns. Later steps cure each of these."""

import os
import signal
import subprocess
import sys

import pytest

from tests.servers import STEP, environment, wait_for

pytestmark = pytest.mark.server


def spawn(library, *arguments):
    """What the view of 2018 did: start the command, and return."""
    command = [sys.executable, STEP / "manage.py", *arguments]
    env = {**environment(library.database), **library.variables}
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_trap_nobody_learns_how_a_bare_command_ended_and_with_a_record_its_owner_does(library, tmp_path):
    with spawn(library, "export_books", "-o", tmp_path / "books.csv"):  # it works …
        pass  # (the end of this block waits for the process, which the view did not)
    assert (tmp_path / "books.csv").read_bytes().count(b",979") == 20_000
    with spawn(library, "export_books", "-o", tmp_path / "no such folder" / "books.csv") as process:
        assert process.pid  # … and when it does not, its start looks the same
    assert not (tmp_path / "no such folder").exists()
    good, bad = library.new_exports({"genre": "novel"}, {"genre": "cookery"})
    for export_id in (good, bad):
        with spawn(library, "run_export", export_id):
            pass
    assert library.row(good)["state"] == "done"
    assert (library.row(bad)["state"], library.row(bad)["error"]) == (
        "failed",
        "These filters cannot be used (any more).",
    )


START = """
import subprocess, sys
subprocess.Popen([sys.executable, *sys.argv[2:]], start_new_session=sys.argv[1] == "own").wait()
"""


@pytest.mark.parametrize("session, state", [("own", "running"), ("shared", "failed")])
def test_trap_without_a_session_of_its_own_the_export_ends_with_a_ctrl_c(large_library, session, state):
    """Ctrl-C goes to all processes of the terminal's foreground: here to a starter, and to what it started."""
    (export_id,) = large_library.new_exports()
    command = [sys.executable, "-c", START, session, STEP / "manage.py", "run_export", export_id]
    env = {**environment(large_library.database), **large_library.variables}
    with_ctrl_c = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    quiet = {"stderr": subprocess.DEVNULL, "preexec_fn": with_ctrl_c}
    with large_library.ending(), subprocess.Popen(command, env=env, start_new_session=True, **quiet) as terminal:
        wait_for(lambda: large_library.row(export_id)["rows_done"] > 0, "the first rows")
        os.killpg(terminal.pid, signal.SIGINT)
        terminal.wait()
        if session == "shared":
            wait_for(lambda: not large_library.processes(), "the export to end")
        assert large_library.row(export_id)["state"] == state
        assert len(large_library.processes()) == (state == "running")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_is_stopped_or_killed_leaves_the_export_at_work(large_library, how):
    with large_library.site() as site:
        with large_library.reader(site) as reader:
            export_id = reader.export(published_from="1975-01-01")  # half of the books
        wait_for(lambda: large_library.row(export_id)["rows_done"] > 0, "the first rows")
        (export,) = large_library.processes()
        for process in [site.process, *site.process.children()]:
            if process.pid != export.pid:
                process.send_signal(how)
        site.process.wait()
        wait_for(lambda: large_library.row(export_id)["state"] == "done", "the export to end")
