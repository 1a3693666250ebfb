"""The command `tutorial`, for learners and for contributors."""

import signal
import subprocess
import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

from tutorial import ROOT, UserError
from tutorial.learn.demo import demo
from tutorial.learn.doctor import doctor, require
from tutorial.learn.progress import diff, hint, show_next, start, status
from tutorial.learn.report import check
from tutorial.options import console, errors
from tutorial.repo.affected import affected
from tutorial.repo.branches import branches
from tutorial.repo.carry import carry
from tutorial.site.diagrams import diagrams
from tutorial.site.record import record


class Commands(TyperGroup):
    """Runs a command. Its result is the exit code, and an error that the user can correct is one line."""

    def invoke(self, context):
        for name in ("SIGTERM", "SIGHUP"):  # end as with Ctrl-C, so that what we have started ends too
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.default_int_handler)
        for stream in (sys.stdout, sys.stderr):  # an encoding without our tick marks gets question marks
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
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


HELP = """How do I run something in the background in Django? Eleven steps do the same job.

`tutorial demo` runs the last step. `tutorial start 01` gives you the code to begin with, and `tutorial doctor`
shows what this machine can run. You can write a step as 03, 3 or 03_streaming.
"""
app = typer.Typer(
    cls=Commands,
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


KEEP = "To change the steps and the site"
for panel, commands in {
    "To learn": (demo, start, check, hint, diff, status, doctor),
    "To teach": (branches,),
    KEEP: (carry, affected, record, diagrams),
}.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.command("next", rich_help_panel="To learn")(show_next)


@app.command(rich_help_panel=KEEP, add_help_option=False, context_settings={"ignore_unknown_options": True})
def bench(options: Annotated[list[str] | None, typer.Argument(help="Options of benchmarks/speed.py.")] = None):
    """Measure how fast each approach exports the same rows, ours and those of other packages.

    With 10,000 to 10 million books, this takes about 45 minutes and 10 GB of space. For a short run, add `--books 10000
    --output FILE`. The results go to benchmarks/results/speed.json, and from there into the plots of the site. If
    PostgreSQL is installed, the command starts a server and measures it too.
    """
    require("import_export", "matplotlib", "postgres_copy")
    options = options or []
    done = subprocess.run([sys.executable, ROOT / "benchmarks" / "speed.py", *options])
    if done.returncode == 0 and not any(option.startswith(("--output", "--help")) for option in options):
        done = subprocess.run([sys.executable, ROOT / "benchmarks" / "plots.py"])
    return done.returncode


@app.command(rich_help_panel=KEEP)
def screenshots(
    only: Annotated[str, typer.Option(help="Only pictures with this text in their names, like mail.")] = "",
):
    """Take the site's pictures again. They show pages, a browser, a terminal and an email of the running steps.

    This needs Chromium, Xvfb and xcompmgr, and takes about two minutes.
    """
    require("jinja2", "PIL", "playwright", "Xlib")
    from tutorial.site import screenshots as pictures

    pictures.run(only, ROOT / "docs" / "assets" / "pictures", 2_000_000)


@app.command(rich_help_panel=KEEP)
def films():
    """Film the terminal again for each script in docs/assets/films. Two films take about a minute."""
    require("pyte", "uv")
    from tutorial.site import films as terminal

    terminal.run()


if __name__ == "__main__":
    app()
