"""How a step differs from the previous step. Each check returns a list of complaints, one sentence each."""

import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

from tutorial import ROOT, all_steps, files_below

PER_STEP = {"README.md", "step.toml"}  # each step writes its own


def step_files(step):
    """Return the contents of a step's files by name, without what running the step leaves behind."""
    return {name.as_posix(): (step / name).read_bytes() for name in files_below(step)}


def write_files(folder, files):
    """Write files into a folder: the contents, bytes or text, by their names."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def copy_step(step, folder):
    write_files(folder, step_files(step))


def about(step):
    return tomllib.loads((step / "step.toml").read_text("utf-8"))


def undeclared(step, before):
    """Compare step.toml with what the step changes. `before` is None for the first step.

    An edit that was not carried forward shows as a change that step.toml does not name, and a lost file as a removal.
    """
    now, then, declared = step_files(step), step_files(before) if before else {}, about(step)
    gone, retired = then.keys() - now.keys(), set(declared.get("retires", {}))
    tests = set(filter(is_test, gone))
    for name in filter(is_test, now.keys() & then.keys()):
        tests |= {f"{name}::{test}" for test in set(tests_in(then[name])) - set(tests_in(now[name]))}
    changed = {name for name in now.keys() & then.keys() - PER_STEP if now[name] != then[name]}
    changes, removes = (set(chain(*map(expanded, declared.get(verb, [])))) for verb in ("changes", "removes"))
    said = f"{step.name}/step.toml"
    return sorted(
        [f"{step.name} changes {name}, which step.toml does not say" for name in changed - changes]
        + [f"{said} says that the step changes {name}, but it does not" for name in changes - changed]
        + [f"{step.name} has lost {name}, which step.toml does not say" for name in gone - tests - removes]
        + [f"{said} says that the step removes {name}, but it does not" for name in removes - gone]
        + [f"{step.name} has lost {name}, and does not retire it" for name in tests - retired]
        + [f"{said} retires {name}, but it is still there" for name in retired - tests]
    )


def expanded(pattern):
    """Return the files that "exports/{job,views}.py" stands for."""
    start, brace, rest = pattern.partition("{")
    middles, _, end = rest.partition("}")
    return [start + middle + end for middle in middles.split(",")] if brace else [pattern]


def is_test(name):
    return Path(name).name.startswith("test_")


def tests_in(content):
    return [name.decode() for name in re.findall(rb"^def (test_\w+)", content, re.MULTILINE)]


def added_tests(step, before):
    """Return the arguments for pytest that run only the tests that a step adds."""
    return tests_by_age(step_files(step), step_files(before) if before else {})[0]


def tests_by_age(now, then):
    """Return the arguments for pytest that run only the new tests, and those that run only tests of earlier steps.

    Tests in tests/internals are left out. `now` and `then` are the files of a step and of the previous step.
    """
    added, carried = [], []
    for name in sorted(filter(is_test, now)):
        if not name.startswith("tests/internals/"):
            tests, old = tests_in(now[name]), tests_in(then.get(name, b""))
            new, both = [test for test in tests if test not in old], [test for test in tests if test in old]
            for arguments, chosen in ((added, new), (carried, both)):
                arguments += [name] if chosen == tests else [f"{name}::{test}" for test in chosen]
    return added, carried


def passing_before(step, before, folder, *options):
    """Run the tests that a step adds on a copy of the previous step, in `folder`. Return those that pass.

    `options` are pytest's.
    """
    copy_step(before, folder)
    shutil.rmtree(folder / "tests", ignore_errors=True)
    copy_step(step / "tests", folder / "tests")
    shutil.copy(step / "pytest.ini", folder)
    added = added_tests(step, before)
    command = [sys.executable, "-m", "pytest", "-q", "-rp", "--tb=no", "-p", "no:cacheprovider"]
    command += ["--continue-on-collection-errors", *options, *added]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if run.returncode not in (1, 2):  # 1: tests failed; 2: they could not even be collected
        return [f"pytest ended with {run.returncode}: {run.stdout}{run.stderr}"]
    return re.findall(r"^PASSED (.*)$", run.stdout, re.MULTILINE)


def start_project(folder):
    """Create what comes before the first step: a new Django project with an empty app `library`."""
    folder.mkdir(parents=True, exist_ok=True)
    for command in (["startproject", "config", "."], ["startapp", "library"]):
        subprocess.run([sys.executable, "-m", "django", *command], cwd=folder, check=True)
    return folder


def neighbours(root=ROOT):
    """Return each step with the one before it, which is None for the first."""
    steps = all_steps(root)
    return list(zip(steps, [None, *steps], strict=False))


def steps_from(step, root=ROOT):
    """Return the step and all later ones."""
    steps = all_steps(root)
    return steps[steps.index(step) :]
