"""What a spawned process does not survive, and what nobody then learns. Later steps cure each of these."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

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


def test_trap_after_kill_9_an_export_is_running_for_ever(large_library):
    with large_library.site() as site, large_library.reader(site) as reader:
        export_id = reader.export()
        wait_for(lambda: reader.state(export_id) == "running", "the export to run")
        (process,) = large_library.processes()
        process.kill()
        wait_for(lambda: not process.is_running(), "its end")
        assert reader.state(export_id) == "running"
    with large_library.site() as site, large_library.reader(site) as reader:  # a restart does not help either
        assert reader.state(export_id) == "running"
        assert large_library.processes() == []
        assert large_library.manage("run_export", export_id).returncode == 0  # not even by hand
        assert reader.state(export_id) == "running"


def test_trap_a_process_that_dies_before_its_claim_leaves_the_export_waiting_for_ever(library):
    with library.site() as site, library.reader(site) as reader:
        export_id = reader.export()
        (process,) = wait_for(library.processes, "the process")
        process.kill()
        wait_for(lambda: not process.is_running(), "its end")
        assert reader.state(export_id) == "waiting"
        assert library.processes() == []


def test_trap_twenty_requests_are_twenty_processes(large_library):
    """Each is held when it has counted its books, so that the quick ones wait for the others."""
    held = {}
    with large_library.site() as site, large_library.reader(site) as reader:
        exports = [reader.export() for _ in range(20)]

        def hold():
            for process in large_library.processes():
                export_id = process.cmdline()[-1]
                if export_id not in held and large_library.row(export_id)["rows_total"]:
                    process.suspend()
                    held[export_id] = process
            return len(held) == 20

        wait_for(hold, "all twenty")
        assert held.keys() == set(exports)
        memory = [process.memory_full_info().pss for process in held.values()]
        assert sum(memory) > 15 * max(memory)  # each has a Django of its own


def test_trap_a_double_click_is_two_exports(library):
    with library.site() as site, library.reader(site) as reader, ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: reader.export(genre="novel"), range(2))
        assert first != second
        assert [reader.wait_for_end(export_id) for export_id in (first, second)] == ["done", "done"]
        assert len(library.files()) == 2


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
