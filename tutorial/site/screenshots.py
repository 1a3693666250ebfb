"""`tutorial screenshots`: the pictures of the site, each of something that really runs."""

import csv
import email
import email.policy
import io
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import httpx
import psutil
from jinja2 import Environment, FileSystemLoader
from PIL import Image, ImageGrab
from playwright.sync_api import sync_playwright
from Xlib import X
from Xlib.display import Display
from Xlib.ext.xtest import fake_input

from tutorial import UserError, find_step
from tutorial.options import console
from tutorial.site.browser import chromium, executable
from tutorial.site.record import free_port, running

PRESS = "() => { setTimeout(() => document.querySelector('[data-test=download]').click()) }"
WIDTH, HEIGHT = 1000, 520  # of the screen that a real browser window fills
TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).resolve().parent / "pictures"), autoescape=True)
PATIENCE = 120_000  # milliseconds
# A mail with a file: its CSV is over the limit of a mail, and its zip is not.
FILTERS = "genre=poetry&published_from=1970-01-01"


@dataclass
class Studio:
    """Where pictures are made: demos in the folder `place`, with so many books. Pictures go to `folder`."""

    place: Path
    folder: Path
    only: str
    books: int

    @contextmanager
    def demo(self, step, *options):
        """The demo of a step; gives its address."""
        database = self.database(step)
        seeded = [path for path in self.place.glob(f"*-{self.books}.sqlite3") if path != database]
        if seeded and not database.exists():
            shutil.copy(seeded[0], database)  # the tables of the library are those of the previous step
        port = free_port()
        command = [sys.executable, "-m", "tutorial.cli", "demo", step, f"--books={self.books}", f"--port={port}"]
        with running([*command, f"--folder={self.place}", *options]):
            yield f"http://127.0.0.1:{port}"

    @contextmanager
    def confirmation(self, step, query, height):
        """The page on which the demo's user confirms an export."""
        with self.demo(step) as address, chromium() as browser:
            page = browser.new_page(viewport={"width": WIDTH, "height": height})
            page.goto(f"{address}/exports/new/?{query}")
            page.get_by_label("Username").fill("demo")
            page.get_by_label("Password").fill("demo")
            page.get_by_role("main").get_by_role("button", name="Log in").click()
            page.locator("[data-test=export-button]").wait_for()
            yield page

    def database(self, step):
        return self.place / f"{find_step(step).name}-{self.books}.sqlite3"

    def save(self, name, image):
        """Keep a picture with few colours, which makes it small."""
        if self.only not in name:
            return
        path = self.folder / f"{name}.png"
        image.convert("RGB").quantize(128, method=2, dither=0).save(path, optimize=True)
        console.print(f"{path.name}: {path.stat().st_size:,} bytes")

    def photograph(self, name, page, **options):
        self.save(name, Image.open(io.BytesIO(page.screenshot(**options))))

    def print_page(self, name, **values):
        """A picture of one of our templates, with values in it."""
        with chromium() as browser:
            page = browser.new_page(viewport={"width": WIDTH, "height": 600})
            page.set_content(TEMPLATES.get_template(f"{name}.html").render(values))
            self.photograph(name, page, clip=page.locator("body").bounding_box())


def of_the_download(studio):
    """Step 02: the list of books, a browser that waits, and the file that it gets, all at once."""
    with studio.demo("02") as address:
        with chromium() as browser:
            page = browser.new_page(viewport={"width": WIDTH, "height": 560})
            page.goto(f"{address}/books/?genre=poetry")
            studio.photograph("list", page)
        with window(address) as (page, display):
            with page.expect_download(timeout=PATIENCE) as download:
                page.get_by_role("heading", name="Books").click()  # out of the address, which would be marked
                with page.expect_request(lambda request: "/download/" in request.url):
                    page.evaluate(PRESS)  # Playwright's click would wait for the answer
                settle(page)
                studio.save("waiting", ImageGrab.grab(xdisplay=display))
            download.value.path()  # waits for the end
            settle(page)
            settle(page)  # the bubble opens by itself
            studio.save("downloaded", ImageGrab.grab(xdisplay=display))
        with httpx.stream("GET", f"{address}/books/download/?genre=novel&published_from=2015-01-01") as answer:
            rows = list(islice(csv.reader(answer.iter_lines()), 14))
    studio.print_page("spreadsheet", rows=rows)


def of_the_timeout(studio):
    """Step 02 again, with a server that waits for one second."""
    with studio.demo("02", "--timeout=1") as address, window(address) as (page, display):
        page.get_by_role("link", name="Download as CSV").click(timeout=PATIENCE)
        page.get_by_text("Internal Server Error").wait_for(timeout=PATIENCE)
        settle(page)
        studio.save("timeout", ImageGrab.grab((0, 0, WIDTH, 260), xdisplay=display))  # the rest is empty


def of_the_stream(studio):
    """Step 03: the download goes on, and nobody knows how long."""
    with studio.demo("03") as address, window(address) as (page, display):
        with page.expect_download(timeout=PATIENCE) as download:
            page.get_by_role("link", name="Download as CSV").click()
        settle(page)
        open_bubble(display)
        settle(page)
        studio.save("streaming", ImageGrab.grab(xdisplay=display))
        download.value.cancel()


def of_the_command(studio):
    """Step 04: the command in a terminal, half way."""
    with studio.demo("04"):
        command = f"stty rows 24 cols 92; {shlex.quote(sys.executable)} manage.py export_books -o books.csv"
        environment = {**os.environ, "DATABASE_URL": f"sqlite:///{studio.database('04')}"}
        options = {"cwd": studio.place / find_step("04").name, "env": environment, "stdin": subprocess.DEVNULL}
        # `script` runs it in a terminal, without which there is no progress bar.
        printed = subprocess.run(["script", "-qec", command, os.devnull], stdout=subprocess.PIPE, text=True, **options)
    shown = [line for line in re.split(r"[\r\n]+", printed.stdout) if "%|" in line]
    half = min(shown, key=lambda line: abs(50 - int(re.search(r"(\d+)%", line).group(1))))
    studio.print_page("progress", text=f"$ python manage.py export_books -o books.csv\n{half.strip()}")


def of_the_view(studio):
    """Step 05: the page that asks for confirmation, and the page that answers immediately."""
    with studio.confirmation("05", "genre=novel&q=garden", 340) as page:
        studio.photograph("confirm", page)
        page.locator("[data-test=export-button]").click()
        page.locator("[data-test=state]").wait_for()
        studio.photograph("started", page)


def of_the_export(studio):
    """Step 07: the page of an export half way and of another one that is done, and the email about it."""
    with studio.confirmation("07", "", 460) as page:
        form = page.url
        start_export(page, 0.4)
        studio.photograph("export", page)
        page.goto(f"{form}?{FILTERS}")
        page.locator("[data-test=export-button]").click()
        page.get_by_text("We've sent an email").wait_for(timeout=PATIENCE)
        studio.photograph("export_done", page)
        emails = studio.place / f"{find_step('07').name}-data" / "mail"
        (sent,) = [path for path in emails.iterdir() if page.url.encode() in path.read_bytes()]
        mail = email.message_from_bytes(sent.read_bytes(), policy=email.policy.default)
    (attachment,) = mail.iter_attachments()
    studio.print_page("mail", mail=mail, attachment=attachment)


def of_the_crash(studio):
    """Step 09: the page of an export whose worker was killed, after the end of its lease."""
    with studio.confirmation("09", "", 460) as page:
        start_export(page, 0.2)
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            if "db_worker" in command and str(studio.place) in " ".join(command):
                process.kill()
        with closing(sqlite3.connect(studio.database("09"), timeout=20)) as database, database:
            database.execute("UPDATE exports_export SET lease_until = '2000-01-01'")
        page.get_by_text("has stopped unexpectedly").wait_for(timeout=PATIENCE)
        studio.photograph("stopped", page)


def of_the_buttons(studio):
    """Step 10: the page of an export that is running, and of one that is done, with their buttons."""
    with studio.confirmation("10", "published_from=1950-01-01", 470) as page:
        start_export(page, 0.4)
        studio.photograph("buttons", page)
        page.get_by_text("We've sent an email").wait_for(timeout=PATIENCE)
        studio.photograph("ended", page)


SCENES = {
    of_the_download: ("list", "waiting", "downloaded", "spreadsheet"),
    of_the_timeout: ("timeout",),
    of_the_stream: ("streaming",),
    of_the_command: ("progress",),
    of_the_view: ("confirm", "started"),
    of_the_export: ("export", "export_done", "mail"),
    of_the_crash: ("stopped",),
    of_the_buttons: ("buttons", "ended"),
}


def run(only, folder, books):
    """Make the pictures that have `only` in their names, in `folder`, of a library with so many books."""
    wanted = [scene for scene, pictures in SCENES.items() if any(only in name for name in pictures)]
    if not wanted:
        names = ", ".join(name for pictures in SCENES.values() for name in pictures)
        raise UserError(f"No picture has {only!r} in its name. They are: {names}.")
    executable()
    if missing := [name for name in ("Xvfb", "xcompmgr") if not shutil.which(name)]:
        raise UserError(f"{' and '.join(missing)} was not found. On Debian: apt install xvfb xcompmgr")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        for scene in wanted:
            scene(Studio(Path(place).resolve(), folder, only, books))


def start_export(page, part):
    """Press the button, and wait until this part of the rows is written."""
    page.locator("[data-test=export-button]").click()
    bar = "document.querySelector('[data-test=progress]')"
    page.wait_for_function(f"(bar => bar?.value / bar?.max > {part})({bar})", timeout=PATIENCE)


@contextmanager
def window(address):
    """A browser as a user has it, with its own bubble for downloads; gives its page, the list, and its screen."""
    arguments = ["--test-type", "--disable-gpu", "--lang=en-US", "--window-position=0,0"]
    with tempfile.TemporaryDirectory() as profile, screen() as display, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=executable(), headless=False, no_viewport=True,
            env={**os.environ, "DISPLAY": display}, ignore_default_args=["--enable-automation"],
            args=[*arguments, f"--window-size={WIDTH},{HEIGHT}"],
        )  # fmt: skip
        with context:
            page = context.pages[0]
            # Playwright gives downloads a number for a name; this is the browser's own way.
            downloads = {"behavior": "allow", "downloadPath": f"{profile}/Downloads", "eventsEnabled": True}
            context.new_cdp_session(page).send("Browser.setDownloadBehavior", downloads)
            page.goto(f"{address}/books/")
            yield page, display


@contextmanager
def screen():
    """A screen that nobody looks at, with shadows and frames; gives its name, such as :1."""
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp"]
    with running(command, "\n", stderr=subprocess.DEVNULL) as server:
        display = f":{server.printed().strip()}"
        with running(["xcompmgr", "-d", display], ""):
            yield display


def settle(page):
    """Give the browser's own interface, of which Playwright knows nothing, the time to be painted."""
    page.wait_for_timeout(700)


def open_bubble(display):
    """Press the ring in the toolbar with which Chromium shows a download, and move the mouse away."""
    with closing(Display(display)) as mouse:
        fake_input(mouse, X.MotionNotify, x=WIDTH - 96, y=63)
        fake_input(mouse, X.ButtonPress, 1)
        fake_input(mouse, X.ButtonRelease, 1)
        mouse.sync()
        fake_input(mouse, X.MotionNotify, x=300, y=300)
        mouse.sync()
