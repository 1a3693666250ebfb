"""Run several commands of a project's manage.py in one process: `python -m tutorial.learn.run_commands check migrate`.

Each argument is a command line. The first command that fails ends it, with 10 plus its index as the exit code.
An exception that a command doesn't handle ends it with a traceback, as usual.
"""

import runpy
import shlex
import sys

if __name__ == "__main__":
    for index, line in enumerate(sys.argv[1:]):
        sys.argv = ["manage.py", *shlex.split(line)]
        try:
            runpy.run_path("manage.py", run_name="__main__")
        except SystemExit as ended:
            if ended.code:
                sys.exit(10 + index)
