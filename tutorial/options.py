"""What the commands of `tutorial` share: where they print, and arguments that several of them have."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

console = Console(highlight=False, soft_wrap=True, emoji=False)
errors = Console(highlight=False, soft_wrap=True, emoji=False, stderr=True)

Step = Annotated[str, typer.Argument(help="A step, like 03 or 03_streaming, or an exercise, like 03a.", metavar="STEP")]
Root = Annotated[Path, typer.Option(help="The repository.", show_default="this one")]
