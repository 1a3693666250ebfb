"""The command `tutorial`, for learners and for contributors."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from typer.core import TyperGroup

from tutorial import ROOT, UserError
from tutorial.learn import demo as demonstration
from tutorial.learn import diff as comparison
from tutorial.learn import doctor as examination
from tutorial.learn import progress, report
from tutorial.learn import start as beginning
from tutorial.repo import affected as dependents
from tutorial.repo import branches as branching
from tutorial.repo import carry as carrying
from tutorial.site import diagrams as drawing
from tutorial.site import record as recording

console = Console(highlight=False, soft_wrap=True, emoji=False)
errors = Console(highlight=False, soft_wrap=True, emoji=False, stderr=True)


class Commands(TyperGroup):
    """Runs a command. Its result is the exit code, and an error that the user can correct is one line."""

    def invoke(self, context):
        for name in ("SIGTERM", "SIGHUP"):  # end as with Ctrl-C, so that what we have started ends too
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.default_int_handler)
        try:
            raise typer.Exit(super().invoke(context) or 0)
        except BrokenPipeError:  # the reader of the pipe has ended, as in `| head`
            raise
        except (UserError, OSError) as error:
            system = [error.filename, error.strerror] if isinstance(error, OSError) else []
            says = ": ".join(str(part) for part in system if part) or str(error)
            errors.print(says, style="red", markup=False)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            console.print("Stopped.")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


@app.callback()
def main():
    """How do I run something in the background in Django? Eleven steps do the same job.

    `tutorial demo` runs the newest step. `tutorial start 01` gives you the code to begin with, and `tutorial doctor`
    shows what this machine can run. You can write a step as 03, 3 or 03_streaming.
    """
    for stream in (sys.stdout, sys.stderr):  # an encoding without our tick marks gets question marks
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


LEARN, TEACH, KEEP = "To learn", "To teach", "To change the steps and the site"
Step = Annotated[str, typer.Argument(help="A step, like 03 or 03_streaming, or an exercise, like 03a.", metavar="STEP")]
Root = Annotated[Path, typer.Option(help="The repository.", show_default="this one")]


@app.command(rich_help_panel=LEARN)
def demo(
    step: Annotated[str, typer.Argument(help="Which step: 03, 3 or 03_streaming.", show_default="the newest")] = "",
    books: Annotated[
        int | None,
        typer.Option(min=1, max=99_999_999, help="How many books the library has.", show_default="100000"),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="The port of the server.")] = 8000,
    timeout: Annotated[int, typer.Option(min=0, help="gunicorn's --timeout, in seconds; 0: the step's own.")] = 0,
    folder: Annotated[
        Path, typer.Option(help="The folder for the step's copy and the library.", show_default=".demo")
    ] = (ROOT / ".demo"),
):
    """Run a step with a library full of books, and print what you can try.

    The demo copies the step into a separate folder. It keeps the library, so the next demo of the same step with the
    same number of books starts immediately. With --timeout and without --books, the library is so large that the
    download of step 02 exceeds this timeout on your machine. For example, run `tutorial demo 02 --timeout 2`.
    """
    return demonstration.run(step, books, port, timeout, folder, console)


@app.command(rich_help_panel=LEARN)
def start(
    step: Step,
    folder: Annotated[
        Path | None, typer.Argument(help="A new or empty folder for the code.", show_default="learn/STEP")
    ] = None,
):
    """Get the code to begin a step with in a new folder, and the list of goals.

    The code is the end of the previous step. The tests use a few names, and `start` lists them. You choose all
    other names.
    """
    return beginning.start(step, folder, console)


@app.command(rich_help_panel=LEARN)
def check(
    step: Step,
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Your folder, or many folders of a class.", show_default="where you started it"),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a line of CSV for each folder.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Check again whenever you save a file.")] = False,
    limit: Annotated[int, typer.Option(min=5, help="How many seconds the tests of a folder may take.")] = 180,
):
    """Run the tests of a step on your code. Print which goals it reaches, why a test failed, and what comes next.

    The check runs on a copy of your folder. It also runs the fast tests of earlier steps. It leaves out most tests that
    need a database server, a broker or a browser. To see those tests with our code, run `pytest steps/STEP`. The exit
    code is 0 if you have reached all goals that can be checked here.

    With `--watch`, the next check begins with the goal that failed. Press Ctrl-C to stop.

    If you name several folders, each gets a line. The tests run the code in these folders. If you don't trust it, run
    the check in a container or a virtual machine.
    """
    examination.require("pytest", "pytest_django", "xdist")
    return report.check(step, folders or [], as_csv, watch, limit, console)


@app.command(rich_help_panel=LEARN)
def hint(step: Step):
    """Show one more hint for the goal where your last check stopped."""
    return progress.hint(step, console)


@app.command(rich_help_panel=LEARN)
def diff(
    step: Step,
    folder: Annotated[Path | None, typer.Argument(help="Your folder.", show_default="where you started it")] = None,
):
    """Show how your code differs from our solution (- is yours, + is ours). Tests and READMEs are left out."""
    return comparison.diff(step, folder, console)


@app.command(rich_help_panel=LEARN)
def status():
    """Show all steps, and how many goals of each you have reached."""
    return progress.status(console)


@app.command(rich_help_panel=LEARN)
def doctor():
    """Show what this machine can run, and how to install what is missing on Debian, macOS and Windows."""
    return examination.run(console)


@app.command(rich_help_panel=TEACH)
def branches():
    """Build local git branches step/01_models, step/02_httpresponse … as one line of commits.

    Then `git diff step/02_httpresponse step/03_streaming` shows a step as a change, and your editor shows the history
    of a file. The command builds the branches again each time, so don't edit them.
    """
    return branching.run(console)


@app.command(rich_help_panel=KEEP, add_help_option=False, context_settings={"ignore_unknown_options": True})
def bench(options: Annotated[list[str] | None, typer.Argument(help="Options of benchmarks/speed.py.")] = None):
    """Measure how fast each approach exports the same rows, ours and those of other packages.

    A million books take about twenty minutes. The results go to benchmarks/results/speed.json, and from there into
    the plots of the site. If PostgreSQL is installed, the command starts a server and measures it too.
    """
    examination.require("import_export", "matplotlib")
    options = options or []
    done = subprocess.run([sys.executable, ROOT / "benchmarks" / "speed.py", *options])
    if done.returncode == 0 and not any(option.startswith(("--output", "--help")) for option in options):
        done = subprocess.run([sys.executable, ROOT / "benchmarks" / "plots.py"])
    return done.returncode


@app.command(rich_help_panel=KEEP)
def carry(
    step: Annotated[str, typer.Argument(help="The step you have edited: 02, 2 or 02_httpresponse.")],
    since: Annotated[
        str, typer.Option(metavar="REF", help="Also carry what was committed after this commit.", show_default=False)
    ] = "",
    root: Root = ROOT,
):
    """Copy your edits of a step to all later steps, with three-way merges.

    Without --since these are the edits that you haven't committed. A file that conflicts, or that a later step has
    moved, is named and left as it is, and the exit code is 1. Edit that file by hand, then run the command for that
    step.
    """
    return carrying.run(step, root, console, since)


@app.command(rich_help_panel=KEEP)
def affected(
    file: Annotated[str, typer.Argument(help="A file of a step: its path, or 03/library/views.py.")],
    root: Root = ROOT,
):
    """List what names a file of a step: later steps, pages, goals, exercises and wrong attempts."""
    return dependents.run(file, root, console)


@app.command(rich_help_panel=KEEP)
def record(
    chapters: Annotated[list[str] | None, typer.Argument(help="Chapters, like 03. Without one, all.")] = None,
):
    """Run every command of the chapters in a fresh copy, and write its output into the page.

    An output that differs only in times, dates and ports stays as it is. All chapters take about six minutes.
    """
    return recording.record(chapters, console)


@app.command(rich_help_panel=KEEP)
def screenshots(
    only: Annotated[str, typer.Option(help="Only pictures with this text in their names, like mail.")] = "",
):
    """Take the site's pictures again. They show pages, a browser, a terminal and an email of the running steps.

    This needs Chromium, Xvfb and xcompmgr, and takes about two minutes.
    """
    examination.require("PIL", "playwright", "Xlib")
    from tutorial.site import screenshots as pictures

    pictures.run(only, ROOT / "docs" / "assets" / "pictures", 2_000_000, console)


@app.command(rich_help_panel=KEEP)
def diagrams(
    mermaid: Annotated[
        Path, typer.Argument(help="The file mermaid.min.js, which you get with npm install mermaid.")
    ] = Path("node_modules/mermaid/dist/mermaid.min.js"),
):
    """Draw the site's sequence diagrams again, from docs/assets/diagrams/*.mmd. This needs Chromium."""
    examination.require("playwright")
    drawing.run(mermaid, console)


@app.command(rich_help_panel=KEEP)
def constraints():
    """Find the newest versions of all packages in pyproject.toml, and write constraints.txt.

    The list is for Python 3.11 and newer, on Linux, macOS and Windows. This command needs the package index.
    """
    examination.require("uv")
    command = ["uv", "pip", "compile", "--universal", "--python-version=3.11", "--all-extras", "--upgrade"]
    command += ["--no-annotate", "--no-header", "--quiet", "--output-file=constraints.txt", "pyproject.toml"]
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    app()
