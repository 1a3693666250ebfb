"""How pytest runs the steps, and which of their tests.

Each step is a Django project with its own settings, so it needs a pytest process of its own. `pytest` at the root runs
the repository's own tests and then each step's, and passes its options on.

Two kinds of tests run with `--all` only: tests marked `slow`, and tests that cover nothing new in this step. For
example, `@pytest.mark.covers("library/book_csv.py")` leaves a test out of each step that has the same test file and
the same book_csv.py as the previous step. If you name a file, all of its tests run except slow ones. If you name a
test, it always runs.

In CI a skipped test is a failure.
"""

import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest

import tutorial
from tutorial.repo.step_changes import step_files


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="also run slow tests and tests of unchanged code")


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before pytest begins to capture output
def pytest_load_initial_conftests(early_config, args):
    """Run each step in its own process, and three tests of it at a time, because many tests wait."""
    known, folder = early_config.known_args_namespace, early_config.rootpath
    root = next((each for each in (folder, *folder.parents[:2]) if (each / "steps").is_dir()), None)
    if root and (root / "tutorial").is_dir() and root != tutorial.ROOT:  # another worktree, which has its own plugin
        raise SystemExit(run_pytest(Path.cwd(), early_config.invocation_params.args, {"PYTHONPATH": str(root)}))
    if root:
        # Otherwise pytest prepares the asserts of each file again in each process.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if root == folder and (folders := folders_to_run(known.file_or_dir, root)):
        words = early_config.invocation_params.args
        options = [word for word in words if word not in known.file_or_dir]
        raise SystemExit(run_each(folders, options, stop=known.maxfail))
    selects = known.keyword or known.markexpr or known.usepdb or known.collectonly or are_named(known.file_or_dir)
    if root and not selects and getattr(known, "numprocesses", 0) is None and (os.cpu_count() or 1) > 1:
        args[:] = ["-n3", "--dist=worksteal", *args]
    return (yield)


def folders_to_run(names, root):
    """The folders that need a process each, with what to run in them. Nothing, if no step is asked for."""
    steps, folders = tutorial.all_steps(root), {}
    for name in names or [root / "tests", root / "steps"]:
        path, separator, test = str(name).partition("::")
        path = Path(path).resolve()
        step = next((each for each in (path, *path.parents) if each in steps), None)
        if step:
            folders.setdefault(step, []).extend([str(path) + separator + test] if step != path else [])
        elif path != root / "steps":
            folders.setdefault(root, []).append(str(root / "tests") if path == root else str(name))
        if path in (root, root / "steps"):
            folders |= {step: [] for step in steps}
    return folders if folders.keys() - {root} else {}


def run_each(folders, options, stop):
    """Run pytest in each folder, and print how each has ended. Returns the exit code for all of them."""
    codes, lines = [], []
    for folder, names in folders.items():
        print(f"\n=== {folder.name if folder.parent.name == 'steps' else 'The repository itself'}", flush=True)
        began = time.monotonic()
        codes.append(code := run_pytest(folder, [*options, *names]))
        result = {0: "passed", 1: "FAILED", 5: "no tests selected"}.get(code, f"exit code {code}")
        lines.append(f"{folder.name:24} {result:18} {time.monotonic() - began:5.0f} s")
        if stop and code not in (0, 5):
            break
    print("\n" + "\n".join(lines), flush=True)
    failed = [code for code in codes if code not in (0, 5)]
    return failed[0] if failed else min(codes)


def run_pytest(folder, arguments, variables=()):
    """Run pytest in the folder, and return its exit code. Ctrl-C reaches it as well: wait until it has cleaned up."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
    command = [sys.executable, "-m", "pytest", *arguments]
    with subprocess.Popen(command, cwd=folder, env={**ours, **dict(variables)}) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise SystemExit(pytest.ExitCode.INTERRUPTED) from None


def are_named(names):
    return any("::" in name or name.endswith(".py") for name in names)


def pytest_report_header(config):
    return None if config.option.all else "left out: slow tests, and tests of unchanged code (--all runs them)"


def pytest_collection_modifyitems(config, items):
    if config.option.all:
        items.sort(key=lambda item: not item.get_closest_marker("slow"))  # a test of minutes must not be the last one
        return
    named, tests = are_named(config.args), [name.partition("::")[2] for name in config.args if "::" in name]
    left_out = [
        item
        for item in items
        if not any(item.nodeid.partition("::")[2].startswith(test) for test in tests)
        and (item.get_closest_marker("slow") or (not named and is_covered(item, config.rootpath)))
    ]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def is_covered(item, step):
    """Whether the previous step runs the same test on the same code."""
    mark = item.get_closest_marker("covers")
    if not mark or step not in (steps := tutorial.all_steps(step.parent.parent)) or step == steps[0]:
        return False
    old, new = contents(steps[steps.index(step) - 1]), contents(step)
    for code in (item.path.relative_to(step).as_posix(), *mark.args):
        names = [name for name in old.keys() | new.keys() if f"{name}/".startswith(f"{code}/")]
        if not names or any(old.get(name) != new.get(name) for name in names):
            return False
    return True


contents = cache(step_files)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"In CI a skipped test is a failure. {reason}"
    return report


pytest_make_collect_report = pytest_runtest_makereport  # the same for a file that is skipped
