"""`tutorial screenshots`: the pictures of the site, each of something that really runs."""

import csv
import email
import email.policy
import html
import io
import os
import pty
import re
import shutil
import sqlite3
import string
import subprocess
import sys
import tempfile
import termios
import urllib.request
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import psutil

from tutorial import UserError, find_step
from tutorial.site.browser import chromium, executable
from tutorial.site.record import free_port, running

LARGEST = 60_000  # bytes of a picture
PRESS = "() => { setTimeout(() => document.querySelector('[data-test=download]').click()) }"
WIDTH, HEIGHT = 1000, 520  # of the screen that a real browser window fills
TEMPLATES = Path(__file__).resolve().parent / "pictures"
COLOURS = 128
# A mail with a file: its CSV is over the limit of a mail, and its zip is not.
FILTERS = "genre=poetry&published_from=1970-01-01"


def run(only, folder, books, console):
    """Make the pictures that have `only` in their names, in `folder`, of a library with so many books."""
    scenes = (
        of_the_download,
        of_the_timeout,
        of_the_stream,
        of_the_command,
        of_the_view,
        of_the_export,
        of_the_crash,
        of_the_buttons,
    )
    wanted = [scene for scene in scenes if any(only in name for name in scene.pictures)]
    if not wanted:
        names = ", ".join(name for scene in scenes for name in scene.pictures)
        raise UserError(f"No picture has {only!r} in its name. They are: {names}.")
    need_programs()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        studio = Studio(Path(place).resolve(), folder, only, books, console)
        for scene in wanted:
            scene(studio)


def need_programs():
    executable()
    missing = [name for name in ("Xvfb", "xcompmgr") if not shutil.which(name)]
    if missing:
        raise UserError(f"{' and '.join(missing)} was not found. On Debian: apt install xvfb xcompmgr")
    try:
        import PIL  # noqa: F401
        import playwright  # noqa: F401
        import Xlib  # noqa: F401
    except ImportError as error:
        raise UserError(f"The package {error.name} is not installed. make test-setup installs it.") from None


def of(*pictures):
    """Say which pictures a scene makes."""

    def say(scene):
        scene.pictures = pictures
        return scene

    return say


class Studio:
    """Where pictures are made: demos in a folder of their own, and where the pictures go."""

    def __init__(self, place, folder, only, books, console):
        self.place, self.folder, self.only, self.books, self.console = place, folder, only, books, console

    @contextmanager
    def demo(self, step, *options):
        """The demo of a step; gives its address."""
        database = self.database(step)
        seeded = [path for path in self.place.glob(f"*-{self.books}.sqlite3") if path != database]
        if seeded and not database.exists():
            shutil.copy(seeded[0], database)  # the tables of the library are those of the step before
        port = free_port()
        command = [sys.executable, "-m", "tutorial.cli", "demo", step, f"--books={self.books}", f"--port={port}"]
        with running([*command, f"--folder={self.place}", *options]):
            yield f"http://127.0.0.1:{port}"

    def database(self, step):
        return self.place / f"{find_step(step).name}-{self.books}.sqlite3"

    def save(self, name, image):
        """Keep a picture with few colours, which makes it small."""
        if self.only not in name:
            return
        path = self.folder / f"{name}.png"
        image.convert("RGB").quantize(COLOURS, method=2, dither=0).save(path, optimize=True)
        size = path.stat().st_size
        if size > LARGEST:
            raise UserError(f"{path.name} has {size:,} bytes, more than {LARGEST:,}.")
        self.console.print(f"{path.name}: {size:,} bytes")

    def photograph(self, name, page, **options):
        from PIL import Image

        self.save(name, Image.open(io.BytesIO(page.screenshot(**options))))

    def print_page(self, name, template, **texts):
        """A picture of one of our templates, with texts in it."""
        source = string.Template((TEMPLATES / f"{template}.html").read_text("utf-8"))
        with chromium() as browser:
            page = browser.new_page(viewport={"width": WIDTH, "height": 600})
            page.set_content(source.substitute(texts))
            box = page.locator("body").bounding_box()
            self.photograph(name, page, clip=box)


@of("list", "waiting", "downloaded", "spreadsheet")
def of_the_download(studio):
    """Step 02: the list of books, a browser that waits, and the file that it gets, all at once."""
    with studio.demo("02") as address:
        with chromium() as browser:
            page = browser.new_page(viewport={"width": WIDTH, "height": 560})
            page.goto(f"{address}/books/?genre=poetry")
            studio.photograph("list", page)
        with screen() as display, window(display) as page:
            page.goto(f"{address}/books/")
            with page.expect_download(timeout=120_000) as download:
                page.get_by_role("heading", name="Books").click()  # out of the address, which would be marked
                with page.expect_request(lambda request: "/download/" in request.url):
                    page.evaluate(PRESS)  # Playwright's click would wait for the answer
                settle(page)
                studio.save("waiting", grab(display))
            download.value.path()  # waits for the end
            settle(page)
            settle(page)  # the bubble opens by itself
            studio.save("downloaded", grab(display))
        url = f"{address}/books/download/?genre=novel&published_from=2015-01-01"
        with urllib.request.urlopen(url) as answer:  # noqa: S310
            rows = list(csv.reader(io.TextIOWrapper(answer, "utf-8", newline="")))[:14]
    studio.print_page("spreadsheet", "spreadsheet", title="books.csv", rows=as_table(rows))


@of("timeout")
def of_the_timeout(studio):
    """Step 02 again, with a server that waits for one second."""
    with studio.demo("02", "--timeout=1") as address, screen() as display, window(display) as page:
        page.goto(f"{address}/books/")
        page.get_by_role("link", name="Download as CSV").click(timeout=120_000)
        page.get_by_text("Internal Server Error").wait_for(timeout=120_000)
        settle(page)
        studio.save("timeout", grab(display).crop((0, 0, WIDTH, 260)))  # the rest is empty


@of("streaming")
def of_the_stream(studio):
    """Step 03: the download goes on, and nobody knows how long."""
    with studio.demo("03") as address, screen() as display, window(display) as page:
        page.goto(f"{address}/books/")
        with page.expect_download(timeout=120_000) as download:
            page.get_by_role("link", name="Download as CSV").click()
        settle(page)
        open_bubble(display)
        settle(page)
        studio.save("streaming", grab(display))
        download.value.cancel()


@of("progress")
def of_the_command(studio):
    """Step 04: the command in a terminal, half way."""
    with studio.demo("04"):
        step = studio.place / find_step("04").name
        environment = {**os.environ, "DATABASE_URL": f"sqlite:///{studio.database('04')}"}
        printed = in_a_terminal([sys.executable, "manage.py", "export_books", "-o", "books.csv"], step, environment)
    shown = [line for line in re.split(r"[\r\n]+", printed) if "%|" in line]
    half = min(shown, key=lambda line: abs(50 - int(re.search(r"(\d+)%", line).group(1))))
    text = f"$ python manage.py export_books -o books.csv\n{half.strip()}"
    studio.print_page("progress", "terminal", text=html.escape(text))


@of("confirm", "started")
def of_the_view(studio):
    """Step 05: the page that asks for a confirmation, and the page that answers immediately."""
    with studio.demo("05") as address, chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": 340})
        page.goto(f"{address}/exports/new/?genre=novel&q=garden")
        page.get_by_label("Username").fill("demo")
        page.get_by_label("Password").fill("demo")
        page.get_by_role("main").get_by_role("button", name="Log in").click()
        page.locator("[data-test=export-button]").wait_for()
        studio.photograph("confirm", page)
        page.locator("[data-test=export-button]").click()
        page.locator("[data-test=state]").wait_for()
        studio.photograph("started", page)


@of("export", "export_done", "mail")
def of_the_export(studio):
    """Step 07: the page of an export half way and of another one that is done, and the email about it."""
    with studio.demo("07") as address, chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": 460})
        page.goto(f"{address}/exports/new/")
        page.get_by_label("Username").fill("demo")
        page.get_by_label("Password").fill("demo")
        page.get_by_role("main").get_by_role("button", name="Log in").click()
        page.locator("[data-test=export-button]").click()
        page.wait_for_function(
            "(bar => bar?.value / bar?.max > 0.4)(document.querySelector('[data-test=progress]'))", timeout=120_000
        )
        studio.photograph("export", page)
        page.goto(f"{address}/exports/new/?{FILTERS}")
        page.locator("[data-test=export-button]").click()
        page.get_by_text("We've sent an email").wait_for(timeout=120_000)
        studio.photograph("export_done", page)
        emails = studio.place / f"{find_step('07').name}-data" / "mail"
        (mail,) = [mail for mail in map(read_mail, emails.iterdir()) if page.url in mail.get_body().get_content()]
    (attachment,) = mail.iter_attachments()
    studio.print_page(
        "mail", "mail", subject=html.escape(mail["Subject"]), sender=html.escape(mail["From"]), to=mail["To"],
        date=f"{mail['Date'].datetime:%-d %B %Y, %H:%M}", body=html.escape(mail.get_body().get_content().strip()),
        file=attachment.get_filename(), size=f"{len(attachment.get_content()) / 1e6:.1f} MB",
    )  # fmt: skip


@of("stopped")
def of_the_crash(studio):
    """Step 09: the page of an export whose worker was killed, after the end of its lease."""
    with studio.demo("09") as address, chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": 460})
        page.goto(f"{address}/exports/new/")
        page.get_by_label("Username").fill("demo")
        page.get_by_label("Password").fill("demo")
        page.get_by_role("main").get_by_role("button", name="Log in").click()
        page.locator("[data-test=export-button]").click()
        page.wait_for_function(
            "(bar => bar?.value / bar?.max > 0.2)(document.querySelector('[data-test=progress]'))", timeout=120_000
        )
        kill_workers(studio.place)
        with closing(sqlite3.connect(studio.database("09"), timeout=20)) as database, database:
            database.execute("UPDATE exports_export SET lease_until = '2000-01-01'")
        page.get_by_text("has stopped unexpectedly").wait_for(timeout=120_000)
        studio.photograph("stopped", page)


def kill_workers(place):
    """Kill the workers of the demo in this folder."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()
            if "db_worker" in command and any(argument.startswith(str(place)) for argument in command):
                process.kill()


@of("buttons", "ended")
def of_the_buttons(studio):
    """Step 10: the page of an export that is running, and of one that is done, with their buttons."""
    with studio.demo("10") as address, chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": 470})
        page.goto(f"{address}/exports/new/?published_from=1950-01-01")
        page.get_by_label("Username").fill("demo")
        page.get_by_label("Password").fill("demo")
        page.get_by_role("main").get_by_role("button", name="Log in").click()
        page.locator("[data-test=export-button]").click()
        page.wait_for_function(
            "(bar => bar?.value / bar?.max > 0.4)(document.querySelector('[data-test=progress]'))", timeout=120_000
        )
        studio.photograph("buttons", page)
        page.get_by_text("We've sent an email").wait_for(timeout=120_000)
        studio.photograph("ended", page)


@contextmanager
def screen():
    """A screen that nobody looks at, with shadows and frames; gives its name, such as :1."""
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp"]
    with ExitStack() as started:
        started.enter_context(ending(command, pass_fds=[writer]))
        os.close(writer)
        with os.fdopen(reader) as number:
            display = f":{number.readline().strip()}"
        started.enter_context(ending(["xcompmgr", "-d", display]))
        yield display


@contextmanager
def ending(command, **options):
    """A process that is ended with the block."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **silent, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def window(display):
    """A browser as a reader has it, with its own bubble for downloads, on that screen; gives its page."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--test-type", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    arguments += ["--disable-component-update", "--disable-sync", "--lang=en-US", "--window-position=0,0"]
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=executable(), headless=False, no_viewport=True,
            env={**os.environ, "DISPLAY": display}, ignore_default_args=["--enable-automation"],
            args=[*arguments, f"--window-size={WIDTH},{HEIGHT}"],
        )  # fmt: skip
        try:
            page = context.pages[0]
            # Playwright gives downloads a number for a name; this is the browser's own way.
            context.new_cdp_session(page).send(
                "Browser.setDownloadBehavior",
                {"behavior": "allow", "downloadPath": str(Path(profile) / "Downloads"), "eventsEnabled": True},
            )
            yield page
        finally:
            context.close()


def grab(display):
    from PIL import ImageGrab

    return ImageGrab.grab(xdisplay=display)


def settle(page):
    """Give the browser's own interface, of which Playwright knows nothing, the time to be painted."""
    page.wait_for_timeout(700)


def open_bubble(display):
    """Press the ring in the toolbar with which Chromium shows a download, and move the mouse away."""
    from Xlib import X
    from Xlib.display import Display
    from Xlib.ext.xtest import fake_input

    mouse = Display(display)
    for place, button in (((WIDTH - 96, 63), True), ((300, 300), False)):
        fake_input(mouse, X.MotionNotify, x=place[0], y=place[1])
        if button:
            fake_input(mouse, X.ButtonPress, 1)
            fake_input(mouse, X.ButtonRelease, 1)
        mouse.sync()
    mouse.close()


def in_a_terminal(command, folder, environment):
    """What a command prints when it has a terminal, to its end."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 92))
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    printed = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # the terminal is closed: the command has ended
            break
        printed += piece
    process.wait()
    os.close(ours)
    return printed.decode()


def as_table(rows):
    """Rows as a spreadsheet shows them, with letters and numbers around them."""
    letters = "".join(f"<th>{letter}</th>" for letter in string.ascii_uppercase[: len(rows[0])])
    lines = [f"<tr><th></th>{letters}</tr>"]
    for number, row in enumerate(rows, 1):
        cells = [f"<td{' class=number' if is_number(cell) else ''}>{html.escape(cell)}</td>" for cell in row]
        lines.append(f"<tr><th>{number}</th>{''.join(cells)}</tr>")
    return "".join(lines)


def is_number(cell):
    return re.fullmatch(r"[\d.]+", cell)


def read_mail(path):
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
