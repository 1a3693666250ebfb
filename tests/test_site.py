"""The built site in a real browser: nothing comes from elsewhere, everybody can read it, a reader's place is kept."""

import html
import json
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.test_docs import build
from tutorial import ROOT, all_steps
from tutorial.repo.step_changes import about
from tutorial.site.browser import chromium

pytestmark = pytest.mark.browser


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    built = build(ROOT, folder)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def address(folder):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser):
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context.new_page()


def names(folder):
    """The addresses of all pages of the built site, such as /03_streaming/."""
    pages = sorted(path.parent.relative_to(folder).as_posix() for path in folder.rglob("index.html"))
    return ["/" if name == "." else f"/{name}/" for name in pages]


def complaints(page, address):
    """A list that fills with what pages ask of others than the site (nobody answers), and with what fails."""
    found = []

    def is_ours(url):
        return url.startswith((address, "data:", "blob:"))

    page.route(lambda url: not is_ours(url), lambda route: route.abort())
    page.on("request", lambda request: None if is_ours(request.url) else found.append(request.url))
    page.on("response", lambda response: found.append(response.url) if response.status >= 400 else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.mark.parametrize(
    "spoiled",
    ['<img src="https://example.com/pixel.png">', '<img src="/nothing.png">', "<script>nothing()</script>"],
)
def test_a_page_that_asks_or_lacks_something_is_found(page, folder, address, spoiled):
    (folder / "spoiled.html").write_text(f"<!doctype html><title>Spoiled</title>{spoiled}", "utf-8")
    found = complaints(page, address)
    page.goto(f"{address}/spoiled.html")
    assert found


LISTINGS = {"exclude": [["pre code"]]}  # of which each page has thousands of words; their colours are the same


def violations(page, context=LISTINGS):
    """What axe finds: a line for each rule that is broken, with the first place."""
    from axe_playwright_python.sync_playwright import Axe

    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
    # The theme gives each button that copies a <nav> of its own, without a name.
    options = {"runOnly": tags, "rules": {"landmark-unique": {"enabled": False}}}
    found = Axe().run(page, context=context, options=options)
    return [f"{each['id']}: {each['nodes'][0]['html'][:150]}" for each in found.response["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read_by_everybody_and_asks_nobody_else_for_anything(browser, folder, address, scheme):
    assert len(names(folder)) > 20
    with browser.new_context(color_scheme=scheme) as context:
        page, found = context.new_page(), {}
        asked = complaints(page, address)
        for name in names(folder):
            page.goto(address + name)
            found[name] = violations(page)
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert asked == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_of_listings_can_be_told_apart(browser, address, scheme):
    with browser.new_context(color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{address}/03_streaming/")
        assert violations(page, context=None) == []


@pytest.mark.parametrize(
    "spoiled, rule",
    [
        ('<img src="data:,">', "image-alt"),
        ('<p style="color: #ccc">Pale</p>', "color-contrast"),
        ("<h4>Too deep</h4>", "heading-order"),
    ],
)
def test_a_page_that_not_everybody_can_read_is_found(page, spoiled, rule):
    page.set_content(f'<html lang="en"><title>Spoiled</title><main><h1>Title</h1>{spoiled}</main></html>')
    assert [line.partition(":")[0] for line in violations(page)] == [rule]


@pytest.mark.parametrize(
    "words, chapter", [("StreamingHttpResponse", "/03_streaming/"), ("Popen", "/05_subprocess_view/")]
)
def test_the_search_finds_the_chapter(page, address, words, chapter):
    page.goto(address + "/")
    # Key by key: the search listens to keys, and to nothing that is written into its field at once.
    page.get_by_role("textbox", name="Search").press_sequentially(words)
    page.locator(f'.md-search-result__link[href*="{chapter}"]').first.wait_for()


def test_the_readers_place_is_kept(browser, address):
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.goto(address + "/02_httpresponse/")
        page.get_by_label("I have done this chapter").check()
        later = context.new_page()
        later.goto(address + "/")
        ticked = later.locator(".chapters .chapter-done")
        assert ticked.all_inner_texts() == ["02 HttpResponse"]
        page.get_by_label("I have done this chapter").uncheck()
        later.reload()
        assert ticked.count() == 0


def test_the_tick_needs_no_storage_to_be_ticked(browser, address):
    with browser.new_context() as context:
        page = context.new_page()
        page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('no') }})")
        page.goto(address + "/02_httpresponse/")
        page.get_by_label("I have done this chapter").check()


def test_a_listing_leads_to_its_whole_file(page, folder, address):
    """For every listing of every chapter."""
    for name in (name for name in names(folder) if name.startswith("/0")):
        page.goto(address + name)
        links = page.locator("article .filename a").evaluate_all("links => links.map(link => link.href)")
        assert links, name
        for link in links:
            target, _, heading = link.removeprefix(address + "/").partition("#")
            html = (folder / target / "index.html").read_text("utf-8")
            assert f'id="{heading}"' in html, link


def test_a_page_weighs_little(page, folder, address):
    """Without pictures: 300 KB a page, and its style and script with it, compressed as a web server does."""
    import gzip

    for name in names(folder):
        html = (folder / name.strip("/") / "index.html").read_bytes()
        assert len(html) < 300_000, (name, len(html))
    weights = []
    page.on("response", lambda response: weights.append(response) if "/assets/" in response.url else None)
    page.goto(address + "/08_production/", wait_until="networkidle")
    loaded = [each.body() for each in weights if each.url.endswith((".css", ".js"))]
    heaviest = (folder / "08_production" / "index.html").read_bytes()
    assert sum(len(gzip.compress(part)) for part in [heaviest, *loaded]) < 300_000


@pytest.mark.parametrize("name", ["/", "/02_httpresponse/", "/06_celery_compare/", "/compare/", "/speed/"])
def test_nothing_hangs_over_the_edge_of_a_phone(browser, address, name):
    with browser.new_context(viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        page.goto(address + name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_what_is_printed_has_no_buttons(page, address):
    page.goto(address + "/02_httpresponse/")
    assert page.locator(".chapter-tick").is_visible()
    page.emulate_media(media="print")
    assert not page.locator(".chapter-tick").is_visible()
    assert page.get_by_role("heading", name="A correct file").is_visible()


def test_the_search_index_has_no_whole_files(folder):
    index = json.loads((folder / "search" / "search_index.json").read_text("utf-8"))
    assert not [entry["location"] for entry in index["docs"] if entry["location"].startswith("files/")]


WORDS_A_MINUTE = 220


def words_to_read(page):
    """How many words a page has for who opens no box: the text, the listings, and what commands print."""
    article = re.search(r"<article.*?</article>", page, re.DOTALL).group()
    text = re.sub(r"<details.*?</details>", "", article, flags=re.DOTALL)
    return len(html.unescape(re.sub(r"<[^>]+>", "", text)).split())


def test_a_chapter_leaves_a_fifth_of_its_minutes_for_doing(folder):
    promised = {step.name: about(step)["minutes"] for step in all_steps()}
    for name, minutes in promised.items():
        page = (folder / name / "index.html").read_text("utf-8")
        assert f"About {minutes} minutes." in page
        assert words_to_read(page) / WORDS_A_MINUTE <= 0.8 * minutes, name
    assert sum(promised.values()) <= 120


def test_words_are_counted_as_a_reader_meets_them():
    page = "<article><p>One, <b>two</b></p>\n<details>no</details>\n<pre><b>four</b>(<i>x</i>)\n = 5</pre></article>"
    assert words_to_read(page) == 5
