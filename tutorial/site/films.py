"""`tutorial films`: short films of a terminal, each an SVG that plays once and needs no JavaScript.

A film is what a shell script in docs/assets/films prints. Readers who want less motion see the last frame.
"""

import fcntl
import os
import pty
import struct
import tempfile
import termios
import time
from html import escape
from itertools import groupby

import pyte

from tutorial import ROOT, UserError
from tutorial.options import console
from tutorial.site.diagrams import mark
from tutorial.site.record import HOME, Reader, fresh_copy

FILMS = ROOT / "docs" / "assets" / "films"
COLUMNS, ROWS = 92, 50  # of the terminal; a film is only as high as what the script has printed
WIDTH, HEIGHT, MARGIN = 8, 18, 14  # of a character, and around the screen, in pixels
SHORTEST = 0.2  # seconds that a frame stays
COLOURS = {"green": "#8fd18f", "red": "#f28b82", "brown": "#e5c07b", "cyan": "#7fd1e0"}  # brown is pyte's yellow
FONT = "13.3px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"


def run():
    """Film each script of docs/assets/films, in a fresh copy of the repository."""
    for script in sorted(FILMS.glob("*.sh")):
        with fresh_copy() as copy:
            film = svg(frames_of(script, copy))
        script.with_suffix(".svg").write_text(f"{film}{mark(script.read_text('utf-8'))}\n", "utf-8")
        console.print(f"{script.stem}: {len(film):,} bytes")


def frames_of(script, copy):
    """Run the script in a terminal, in the copy. Return its frames, each with the second at which it begins."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream, frames = pyte.ByteStream(screen), []
    with tempfile.TemporaryDirectory() as home:
        environment = Reader(copy, home, TERM="xterm-256color").environment
        del environment["PYTEST_ADDOPTS"]
        environment["PATH"] = f"{copy / '.venv' / 'bin'}:{environment['PATH']}"
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(copy)
            os.execvpe("bash", ["bash", script], environment)  # noqa: S606
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        while output := read(terminal):
            stream.feed(output.replace(str(copy).encode(), HOME.encode()))
            frame, now = rows(screen), time.monotonic()
            if frames and now - frames[-1][0] < SHORTEST:
                frames[-1] = frames[-1][0], frame
            elif any(frame) and frame != (frames and frames[-1][1]):  # it begins when something is printed
                frames.append((now, frame))
        if status := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            raise UserError(f"{script} ended with {status}:\n" + "\n".join(line.rstrip() for line in screen.display))
    frames.append((time.monotonic(), frames[-1][1]))
    return [(begins - frames[0][0], frame) for begins, frame in frames]


def read(terminal):
    """What comes next, or nothing at the end: Linux says EIO there."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def rows(screen):
    """The rows of the screen as SVG."""
    found = []
    for number, text in enumerate(screen.display):
        cells = [screen.buffer[number][column] for column in range(len(text.rstrip()))]
        spans = groupby(cells, key=lambda cell: COLOURS.get(cell.fg, "#d6dae0"))
        written = ((colour, escape("".join(cell.data for cell in part))) for colour, part in spans)
        found.append("".join(f'<tspan fill="{colour}">{part}</tspan>' for colour, part in written))
    return tuple(found)


def svg(frames):
    """The film: all frames in one column, which moves up behind a window. Equal rows are written once."""
    used = max(number for _, frame in frames for number, row in enumerate(frame, 1) if row)
    seconds, height = frames[-1][0], used * HEIGHT + 2 * MARGIN
    texts, film, moves = {}, [], []
    for count, (begins, frame) in enumerate(frames):
        moves.append(f"{begins / seconds:.2%}{{transform:translateY(-{count * height}px)}}")
        for number, row in enumerate(frame, 1):
            if row:
                name = texts.setdefault(row, f"r{len(texts)}")
                film.append(f'<use href="#{name}" y="{count * height + MARGIN + number * HEIGHT - 5}"/>')
    defs = "".join(f'<text id="{name}" x="{MARGIN}">{row}</text>' for row, name in texts.items())
    last = f"transform:translateY(-{(len(frames) - 1) * height}px)"
    size = f"{COLUMNS * WIDTH + 2 * MARGIN} {height}"
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}"><style>
text{{font:{FONT};white-space:pre}}
@keyframes play{{{"".join(moves)}}}
#film{{animation:play {seconds:.2f}s steps(1,end) forwards}}
@media(prefers-reduced-motion:reduce){{#film{{animation:none;{last}}}}}
</style><defs>{defs}</defs>
<rect width="100%" height="100%" rx="6" fill="#20242b"/><g id="film">{"".join(film)}</g></svg>
"""
