"""How pytest runs the steps: each in a process of its own, with settings of its own.

At the root of the repository, a step is one item that runs that step's pytest and reports its
summary line. A step runs the tests with servers that it added; those that came along unchanged run
again in the newest step, when all steps are run. In CI, a skipped test is a failed test.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tutorial import all_steps

MARKED = ("server", "services", "browser", "office")
ELSEWHERE = {  # marked tests that not every machine can run, and who can
    "browser": (sys.version_info < (3, 12), "run on Python 3.12 and newer"),
    "office": (not shutil.which("soffice"), "run where LibreOffice is installed"),
}
PROGRAMS = dict.fromkeys(("celery", "gunicorn", "postgres", "redis-server", "uvicorn"), "--version")
PROGRAMS |= {"nginx": "-v", "rabbitmq-server": None}  # the latter would start


def pytest_addoption(parser):
    parser.addoption("--carried", action="store_true", help="run marked tests in every step they were carried to")
    parser.addoption("--only-carried", action="store_true", help="of a step, run only the marked tests of earlier ones")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config, args):
    """At the root, leave the conftest.py of a named step to that step's own pytest."""
    known, steps = early_config.known_args_namespace, early_config.rootpath / "steps"
    asked, here = known.file_or_dir, early_config.invocation_params.dir
    if steps.is_dir():
        paths = {name: (here / name.partition("::")[0]).resolve() for name in asked}
        known.file_or_dir = [name for name in asked if steps not in paths[name].parents]
    elif (early_config.rootpath / "step.toml").is_file() and is_whole_step(early_config):
        args[:] = ["-n2", "--dist=worksteal", *args]
    try:
        return (yield)
    finally:
        known.file_or_dir = asked


def is_whole_step(config):
    """Was a step asked for, without more words, on a machine that can run two tests at a time?"""
    known = config.known_args_namespace
    named = [name for name in known.file_or_dir if not Path(config.invocation_params.dir / name).is_dir()]
    asked = named or known.keyword or known.markexpr or known.usepdb
    return not asked and getattr(known, "numprocesses", 0) is None and (os.cpu_count() or 1) > 1


def pytest_configure(config):
    if (config.rootpath / "step.toml").is_file():
        config.pluginmanager.register(InsideStep(config), "inside-step")
    elif (config.rootpath / "steps").is_dir():
        config.pluginmanager.register(AtRoot(config), "at-root")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return fail_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return fail_skipped((yield))


def fail_skipped(report):
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"In CI a skipped test is a failure. {reason}"
    return report


class AtRoot:
    """Turns the folder of a step into one item."""

    def __init__(self, config):
        self.config, self.steps = config, config.rootpath / "steps"
        self.summaries = []

    def is_step(self, path):
        return path.parent == self.steps and (path / "step.toml").is_file()

    def pytest_collect_directory(self, path, parent):
        if self.is_step(path):
            arguments = self.arguments_by_step()[1].get(path, [])
            newest = path == all_steps(self.config.rootpath)[-1]
            carried = newest and self.all_are_asked() and not self.config.option.carried
            return StepFolder.from_parent(parent, path=path, arguments=arguments, carried=carried)
        return None

    def all_are_asked(self):
        """Was no step named, but the folder of all?"""
        here = self.config.invocation_params.dir
        asked = [(here / argument.partition("::")[0]).resolve() for argument in self.config.args]
        return any(path == self.steps or path in self.steps.parents for path in asked)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session):
        """Collect the step's folder where a file or a test inside of it was named."""
        if session.config.pluginmanager.has_plugin("dsession"):
            return None  # the workers of pytest-xdist collect
        session.perform_collect(self.arguments_by_step()[0])
        return True

    def arguments_by_step(self):
        """What to collect here, and for each step the arguments that its own pytest is given."""
        here, inside = [], {}
        for argument in self.config.args:
            name, separator, test = argument.partition("::")
            path = (self.config.invocation_params.dir / name).resolve()
            step = next((each for each in [path, *path.parents] if self.is_step(each)), None)
            if step and step != path:
                inside.setdefault(step, []).append(str(path) + separator + test)
            here.append(str(step) if step else argument)
        return list(dict.fromkeys(here)), inside

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items):
        """Keep the steps out of -k and -m here: they are passed on, and select inside of the step."""
        left_out = self.config.option.deselect or []
        folders = [item for item in items if isinstance(item, StepRun) and item.nodeid not in left_out]
        if hasattr(self.config, "workerinput"):  # beside each other: the newest first, as it takes longest
            folders.reverse()
        items[:] = [item for item in items if not isinstance(item, StepRun)]
        yield
        items[:] = [*folders, *items]

    def pytest_runtest_logreport(self, report):
        self.summaries += [text for name, text in report.user_properties if name == "summary" and report.when == "call"]

    def pytest_terminal_summary(self, terminalreporter):
        if self.summaries:
            terminalreporter.section("steps")
            for summary in sorted(self.summaries):
                terminalreporter.write_line(summary)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        """Like pytest itself, do not call it a success when nothing at all was selected."""
        counts = [re.search(r"\d+ (passed|failed|error)", summary) for summary in self.summaries]
        others = session.testscollected - len(self.summaries)
        if session.exitstatus == pytest.ExitCode.OK and counts and not any(counts) and not others:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


class StepFolder(pytest.Directory):
    def __init__(self, *, arguments, carried, **kwargs):
        super().__init__(**kwargs)
        self.given = {"arguments": arguments, "carried": carried}

    def collect(self):
        arguments, carried = self.given["arguments"], self.given["carried"]
        yield StepRun.from_parent(self, name=self.path.name, arguments=arguments, more=[])
        if carried:  # an item of its own, so that another process can run it
            yield StepRun.from_parent(
                self, name=f"{self.path.name}-carried", arguments=arguments, more=["--only-carried"]
            )


class StepRun(pytest.Item):
    """One step's tests, in a process of their own."""

    def __init__(self, *, arguments, more, **kwargs):
        super().__init__(**kwargs)
        self.arguments, self.more = arguments, more

    def runtest(self):
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", *self.options(), *self.arguments]
        ours = ("PYTEST_XDIST", "PYTEST_CURRENT_TEST", "PYTEST_ADDOPTS")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        run = subprocess.run(
            command, cwd=self.path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        lines = run.stdout.rstrip().splitlines() or ["(no output)"]
        told = [line for line in lines if line.startswith(("SKIPPED", "tiers:", "carried:", "left out:"))]
        summary = f"{self.name}: {lines[-1].strip('= ')}"
        self.user_properties.append(("summary", "\n".join([summary, *(f"    {line}" for line in told)])))
        if run.returncode not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            raise StepFailed(run.stdout)

    def options(self):
        """What was asked of this pytest that must be asked of the step's pytest too."""
        asked = self.config.option
        options = ["--carried"] if asked.carried and not self.more else [*self.more]
        options += ["-k", asked.keyword] if asked.keyword else []
        options += ["-m", asked.markexpr] if asked.markexpr else []
        options += [f"--maxfail={asked.maxfail}"] if asked.maxfail else []
        options += [f"--durations={asked.durations}"] if asked.durations else []
        return ["-n0", *options]  # the steps run beside each other already

    def repr_failure(self, excinfo):
        return str(excinfo.value) if isinstance(excinfo.value, StepFailed) else super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, None, self.name


class StepFailed(Exception):
    """Carries what the step's pytest printed."""


class InsideStep:
    """Leaves carried tests out, and says with what the others ran."""

    def __init__(self, config):
        self.config, self.step = config, config.rootpath
        folders = sorted(path.parent for path in self.step.parent.glob("*/step.toml"))
        place = folders.index(self.step)
        self.before = folders[place - 1] if place else None
        self.ran = dict.fromkeys(MARKED, 0)
        self.programs = {name: {} for name in MARKED}
        self.item = None
        self.carried, self.elsewhere = 0, dict.fromkeys(ELSEWHERE, 0)
        sys.addaudithook(self.note_program)

    def pytest_collection_modifyitems(self, config, items):
        named = any("::" in argument or argument.endswith(".py") for argument in config.args)
        if config.option.only_carried:
            self.leave_out(items, lambda item: not (self.before and self.is_carried(item)))
        elif self.before and not named and not config.option.carried:
            self.carried = self.leave_out(items, self.is_carried)
        for name, (cannot, _) in ELSEWHERE.items():
            if cannot:
                self.elsewhere[name] = self.leave_out(items, lambda item: item.get_closest_marker(name))  # noqa: B023

    def leave_out(self, items, is_meant):
        meant = [item for item in items if is_meant(item)]
        items[:] = [item for item in items if item not in meant]
        self.config.hook.pytest_deselected(items=meant)
        return len(meant)

    def is_carried(self, item):
        """Is this a marked test in a file that is as it was in the step before?"""
        earlier = self.before / item.path.relative_to(self.step)
        marked = any(item.get_closest_marker(name) for name in MARKED)
        return marked and earlier.is_file() and earlier.read_bytes() == item.path.read_bytes()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self.item = item
        done = yield
        self.item = None
        return done

    def note_program(self, event, arguments):
        """Called by Python for whatever it audits; the start of a process is what we look for."""
        if event == "subprocess.Popen" and self.item:
            command = [str(word) for word in arguments[1]]
            for word in command[:3]:
                if Path(word).name in PROGRAMS:
                    for name in MARKED:
                        if self.item.get_closest_marker(name):
                            start = command[: command.index(word) + 1]
                            self.programs[name][Path(word).name] = start

    def pytest_sessionfinish(self):
        if hasattr(self.config, "workeroutput"):  # a worker of pytest-xdist: the summary is not ours
            self.config.workeroutput["step"] = [self.programs, self.carried, self.elsewhere]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        programs, self.carried, self.elsewhere = getattr(node, "workeroutput", {}).get("step", [{}, 0, {}])
        for name, started in programs.items():
            self.programs[name].update(started)

    def pytest_runtest_logreport(self, report):
        for name in MARKED:
            self.ran[name] += report.when == "call" and name in report.keywords

    def pytest_terminal_summary(self, terminalreporter):
        tiers = []
        for name, count in self.ran.items():
            programs = [with_version(*each) for each in sorted(self.programs[name].items())]
            if count:
                tiers.append(f"{count} {name}" + (f" ({', '.join(programs)})" if programs else ""))
        if tiers:
            terminalreporter.write_line("tiers: " + ", ".join(tiers))
        if self.carried:
            told = "tests with servers came from earlier steps and run there; --carried runs them here"
            terminalreporter.write_line(f"carried: {self.carried} {told}")
        for name, count in self.elsewhere.items():
            if count:
                terminalreporter.write_line(f"left out: {count} {name} (they {ELSEWHERE[name][1]})")


def with_version(name, command):
    """The program that was started, and the version that it says it is."""
    if not PROGRAMS[name]:
        return name
    run = subprocess.run([*command, PROGRAMS[name]], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = re.search(r"\d[\d.]*\d", run.stdout)
    return f"{name} {found.group() if found else '(version unknown)'}"
