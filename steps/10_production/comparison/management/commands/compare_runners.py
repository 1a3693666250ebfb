"""Who runs the same exports how fast, with how much memory, and what a kill leaves of them."""

import json
import os
import platform
import statistics
import tempfile
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Run the same exports through each runner that can be started here, in turns, and compare. "
        "It starts the servers that it needs, as the tests do, on a library of its own."
    )
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("--runner", action="append", metavar="NAME", help="only this one (may be repeated)")
        parser.add_argument("--exports", type=int, default=20, help="in a burst (default: 20)")
        parser.add_argument("--books", type=int, default=20_000, help="in an export (default: 20000)")
        parser.add_argument("--large", type=int, default=1_000_000, help="books in the large one (default: 1000000)")
        parser.add_argument("--rounds", type=int, default=3, help="all runners once in each round (default: 3)")
        parser.add_argument(
            "--patience", type=int, default=15, help="seconds to wait after a kill (default: 15; 0: kill nothing)"
        )
        parser.add_argument(
            "-o", "--output", type=Path, default=Path("compare_runners.json"), help="(default: %(default)s)"
        )

    def handle(self, *, exports, books, large, rounds, patience, output, **options):
        if min(exports, books, rounds) < 1 or large < books or patience < 0:
            raise CommandError("--exports, --books and --rounds must be at least 1, and --large not below --books.")
        if not output.resolve().parent.is_dir():
            raise CommandError(f"There is no folder {output.resolve().parent}.")
        try:
            from comparison import measure, runners
        except ImportError as error:
            raise CommandError(f"{error.name} is not installed; the step's requirements-test.txt has it.") from None
        names = self.reachable(runners, options["runner"] or list(runners.RUNNERS))
        with tempfile.TemporaryDirectory() as folder:
            result = self.measure(measure, runners, names, Path(folder), exports, books, large, rounds, patience)
        self.show(result)
        output.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
        self.stdout.write(f"All figures are in {output}.")

    def reachable(self, runners, names):
        if unknown := set(names) - set(runners.RUNNERS):
            raise CommandError(f"{', '.join(unknown)}: the runners are {', '.join(runners.RUNNERS)}.")
        for name in names:
            if programs := runners.missing(name):
                self.stderr.write(f"{name} is left out: {', '.join(programs)} is not installed.")
        return [name for name in names if not runners.missing(name)]

    def measure(self, measure, runners, names, folder, exports, books, large, rounds, patience):
        from tests.databases import multiply
        from tests.exporting import add_readers
        from tests.servers import make_database

        self.stdout.write(f"Preparing a library of {books:,} books and one of {large:,}")
        small, big = folder / "small.sqlite3", folder / "big.sqlite3"
        for path in (small, big):
            add_readers(make_database(path, books))
        multiply(big, large)
        figures = {name: {"singles": [], "bursts": [], "large": []} for name in names}
        with ExitStack() as stack:
            ready = {name: stack.enter_context(runners.ready(name)) for name in names}
            for runner in ready.values():
                runner.others = [other.broker for other in ready.values() if other is not runner]
            for number in range(rounds):
                for name, runner in ready.items():
                    self.stdout.write(f"Round {number + 1} of {rounds}: {name}")
                    singles, burst = measure.rounds(runner, small, folder / f"{name}-{number}", exports)
                    figures[name]["singles"] += singles
                    figures[name]["bursts"].append(burst)
                    figures[name]["large"].append(measure.large(runner, big, folder / f"{name}-{number}-large"))
            for name, runner in ready.items() if patience else ():
                self.stdout.write(f"kill -9: {name}")
                figures[name]["killed"] = measure.after_a_kill(runner, big, folder / f"{name}-killed", patience)
        settings = {"exports": exports, "books": books, "large": large, "rounds": rounds}
        medians = {name: self.medians(each) for name, each in figures.items()}
        return {**settings, "machine": machine(), "medians": medians, "runs": figures}

    def medians(self, figures):
        """Each figure as median, least and most."""
        found = {}
        for group in ("singles", "bursts", "large"):
            for key in figures[group][0]:
                values = [run[key] for run in figures[group]]
                name = f"large_{key}" if group == "large" else key
                found[name] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
        for prefix in ("", "large_"):
            found[f"{prefix}share"] = found[f"{prefix}overhead"]["median"] / found[f"{prefix}finish"]["median"]
        return found

    def show(self, result):
        from rich.console import Console
        from rich.table import Table

        title = f"Exports of {result['books']:,} books: medians (least–most) of {result['rounds']} round(s)"
        table = Table("", "answer", "first row", "one export", f"burst of {result['exports']}", title=title)
        for column in ("idle", "peak", "overhead", f"of {result['large']:,}", "kill -9"):
            table.add_column(column)
        for name, found in result["medians"].items():
            killed = result["runs"][name].get("killed", {"outcome": "not tried", "seconds": None})
            after = f" after {killed['seconds']:.0f} s" if killed["seconds"] else ""
            table.add_row(
                name,
                shown(found["answer"], 1000, "ms"),
                shown(found["first_row"], 1000, "ms"),
                shown(found["finish"], 1000, "ms"),
                shown(found["burst"], 1, "s", 1),
                f"{found['idle_bytes']['median'] / 1e6:.0f} MB",
                f"{found['peak_bytes']['median'] / 1e6:.0f} MB",
                f"{found['share']:.0%}",
                f"{found['large_share']:.0%}",
                killed["outcome"] + after,
            )
        Console(file=self.stdout, width=180 if not self.stdout.isatty() else None).print(table)


def shown(figure, factor, unit, digits=0):
    median, least, most = (f"{figure[key] * factor:.{digits}f}" for key in ("median", "min", "max"))
    return f"{median} {unit} ({least}–{most})"


def machine():
    packages = {name: version(name) for name in ("django", "gunicorn", "celery")}
    return {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system(), **packages}
