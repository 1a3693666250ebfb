"""The built site in a real browser: nothing comes from elsewhere, everybody can read it, the search finds it."""

import json
from urllib.parse import quote

import pytest

from tutorial.site.browser import chromium
from tutorial.site.record import served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(built_site):
    with served(built_site) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser):
    with browser.new_context(viewport={"width": 1366, "height": 900}) as context:
        yield context.new_page()


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


def violations(page, *rules):
    """What axe finds: a line for each broken rule, with the first place. Without rules, all except colours."""
    from axe_playwright_python.sync_playwright import Axe

    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
    options = {"runOnly": list(rules) or tags, "resultTypes": ["violations"], "preload": False}
    # The theme gives each button that copies a <nav> of its own, without a name. For colours, axe needs seconds.
    options["rules"] = {} if rules else {rule: {"enabled": False} for rule in ("landmark-unique", "color-contrast")}
    found = Axe().run(page, options=options)
    return [f"{each['id']}: {each['nodes'][0]['html'][:150]}" for each in found.response["violations"]]


@pytest.fixture
def names(built_site, pytestconfig):
    """With --all, the names of all pages, and of one with whole files. Else three with listings, diffs and tables."""
    found = sorted(path.relative_to(built_site).as_posix() for path in built_site.rglob("index.html"))
    shown = [name for name in found if name == "files/03_streaming/index.html" or not name.startswith("files/")]
    assert len(shown) > 15
    some = [f"{page}/index.html" for page in ("03_streaming", "compare", "speed")]
    assert {*some} < {*shown}
    return shown if pytestconfig.option.all else some


def without_search(page):
    """Give the page nothing to search, because building the index is most of the work of loading a page."""
    config = {"lang": ["en"], "separator": " ", "pipeline": [], "fields": {"title": {}, "text": {}, "tags": {}}}
    index = {"config": config, "docs": []}
    page.route("**/search_index.json", lambda route: route.fulfill(json=index))


def test_each_page_asks_nobody_else_fits_and_can_be_read_by_everybody(page, address, built_site, names):
    """Each page is loaded once, without a look at its colours."""
    asked, found = complaints(page, address), {}
    without_search(page)
    for name in names:
        page.goto(f"{address}/{name}")
        links = page.locator("article .filename a").evaluate_all("links => links.map(link => link.href)")
        found[name] = []
        for link in links:
            file, _, heading = link.removeprefix(f"{address}/").partition("#")
            if f'id="{heading}"' not in (built_site / file / "index.html").read_text("utf-8"):
                found[name].append(link)
        if name[:2].isdigit():
            found[name] += [] if links else ["no listing leads to its whole file"]
        page.set_viewport_size({"width": 360, "height": 740})
        width = page.evaluate("document.documentElement.scrollWidth")
        found[name] += [f"{width} pixels wide on a phone"] if width > 360 else []
        page.set_viewport_size({"width": 1366, "height": 900})
        found[name] += violations(page)
    assert {name: lines for name, lines in found.items() if lines} == {}
    assert asked == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_of_a_page_can_be_told_apart(browser, address, names, scheme):
    with browser.new_context(color_scheme=scheme, reduced_motion="reduce") as context:
        page, found = context.new_page(), {}
        without_search(page)
        for name in names:
            page.goto(f"{address}/{name}")
            assert page.evaluate("document.body.dataset.mdColorScheme") == {"light": "default", "dark": "slate"}[scheme]
            page.locator("details").evaluate_all("boxes => boxes.forEach(box => { box.open = true })")
            found[name] = violations(page, "color-contrast")
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_what_is_wrong_with_a_page_is_found(page, address):
    found = complaints(page, address)
    page.goto(address + "/glossary/")
    page.set_content(
        '<html lang="en"><title>Spoiled</title><main><h1>Title</h1><p style="color: #ccc">Pale</p>'
        '<img alt="" src="https://example.com/a.png"><img src="/nothing.png"><script>nothing()</script></main></html>'
    )
    assert [line.partition(":")[0] for line in violations(page)] == ["image-alt"]
    assert [line.partition(":")[0] for line in violations(page, "color-contrast")] == ["color-contrast"]
    assert len(found) == 3


SEARCHES = {
    "/02_httpresponse/": ["504", "timeout", "WORKER TIMEOUT"],
    "/03_streaming/": ["database is locked", "streaming", "StreamingHttpResponse", "truncated"],
    "/04_management_command/": ["call_command", "cron"],
    "/05_subprocess_view/": ["Popen", "start_new_session", "subprocess", "thread"],
    "/06_celery_compare/": ["acks_late", "twice", "visibility timeout"],
    "/07_export_record/": ["on_commit", "progress", "running forever"],
    "/09_crash_recovery/": ["kill -9"],
    "/10_production/": ["CONN_MAX_AGE", "UniqueConstraint"],
    "/questions/": ["Docker", "PgBouncer"],
}


# The page's own worker ranks. It is asked directly, because each load of a page builds the index again.
KEEP_WORKER = "const W = Worker; window.Worker = function (url) { return window.worker = new W(url) }"
ASK = """query => new Promise(answer => {
    worker.addEventListener("message", ({data}) => answer(data.data.items[0][0].location), {once: true});
    worker.postMessage({type: 2, data: query});
})"""


def test_the_search_ranks_the_right_page_first(page, address):
    page.add_init_script(KEEP_WORKER)
    expected, (query, *_) = next(iter(SEARCHES.items()))
    page.goto(f"{address}/404.html?q={quote(query)}")  # the smallest page
    first = page.locator(".md-search-result__item a").first
    first.wait_for(state="attached")
    assert first.get_attribute("href").split("?")[0].removeprefix(address) == expected
    for expected, queries in SEARCHES.items():
        found = {query: "/" + page.evaluate(ASK, query).partition("#")[0] for query in queries}
        assert found == dict.fromkeys(queries, expected)


def test_no_page_is_larger_than_300_kilobytes_and_the_search_knows_nothing_of_whole_files(built_site):
    assert [page for page in built_site.rglob("index.html") if page.stat().st_size > 300_000] == []
    index = json.loads((built_site / "search" / "search_index.json").read_text("utf-8"))
    assert not [entry["location"] for entry in index["docs"] if entry["location"].startswith("files/")]


def test_a_reader_ticks_chapters_and_the_tick_is_not_printed(page, address):
    later = page.context.new_page()
    page.goto(address + "/02_httpresponse/")
    page.get_by_label("I have done this chapter").check()
    later.goto(address + "/")
    ticked = later.locator(".chapters .chapter-done")
    assert ticked.all_inner_texts() == ["2. HttpResponse"]
    page.get_by_label("I have done this chapter").uncheck()
    later.reload()
    assert ticked.count() == 0
    page.emulate_media(media="print")
    assert not page.locator(".chapter-tick").is_visible()
    assert page.get_by_role("heading", name="The view").is_visible()
    later.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('no') }})")
    later.goto(address + "/02_httpresponse/")
    later.get_by_label("I have done this chapter").check()


def test_the_button_of_a_diff_copies_what_the_new_step_has(browser, address):
    with browser.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        page.goto(address + "/03_streaming/")
        page.locator(".stepdiff[data-copy] button").first.click()
        copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("@require_safe\ndef book_download(") and "\n- " not in copied
