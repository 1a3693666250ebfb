"""The commands of the benchmark's project. The variable RUNNER names the runner."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runners.project.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
