"""A user with a real browser: log in, filter, export, watch the progress bar, download."""

import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.servers import program, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)  # ms, because a busy machine needs more than the default of five seconds
PAGES_ONLY = pytest.mark.covers(  # for tests that write no file
    "exports", "backends", "config", "library/filters.py", "library/static", "library/templates", "tests/exporting.py"
)

# The page is reloaded when the state changes, so the script runs in each page, and keeps what it has seen.
WATCH_THE_BAR = """
    const look = () => {
        const bar = document.querySelector("[data-test=progress]")
        if (!bar) return
        const seen = JSON.parse(sessionStorage.getItem("seen") || "[]")
        sessionStorage.setItem("seen", JSON.stringify([...seen, bar.value / bar.max]))
    }
    addEventListener("DOMContentLoaded", () => {
        look()
        new MutationObserver(look).observe(document.body, {childList: true, subtree: true})
    })
"""


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("google-chrome") or program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    with browser.new_context() as context:  # with cookies of its own
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield page


def rows_done(library):
    (row,) = library.sql("SELECT rows_done FROM exports_export")
    return row["rows_done"]


def test_log_in_filter_export_watch_the_bar_and_download(page, large_library, tmp_path):
    large_library.variables["EXPORT_MAIL_LIMIT"] = "1"
    with large_library.site() as site:
        page.goto(f"http://127.0.0.1:{site.port}/books/")
        page.get_by_label("Published from").fill("1930-01-01")
        page.get_by_role("button", name="Filter").click()
        page.locator("[data-test=export-link]").click()
        page.get_by_label("Username").fill("reader")
        page.get_by_label("Password").fill("reader")
        page.get_by_role("main").get_by_role("button", name="Log in").click()
        expect(page.get_by_text("1930-01-01")).to_be_visible()
        page.add_init_script(WATCH_THE_BAR)
        page.locator("[data-test=export-button]").click()

        (job,) = wait_for(large_library.processes, "the job")
        rows = 0
        for _ in range(2):  # hold the job, because it can be faster than the page asks
            wait_for(lambda before=rows: rows_done(large_library) > before, "progress")
            job.suspend()
            rows = rows_done(large_library)
            expect(page.locator("[data-test=state]")).to_have_text("Running")
            expect(page.locator("[data-test=progress]")).to_have_js_property("value", rows)
            job.resume()
        address = page.url
        download = page.locator("[data-test=download]")
        expect(download).to_be_visible(timeout=60_000)
        seen = page.evaluate("JSON.parse(sessionStorage.getItem('seen'))")
        assert seen == sorted(seen) and len(set(seen)) >= 3 and seen[-1] == 1

        wait_for(lambda: large_library.sql("SELECT 1 FROM exports_delivery WHERE sent_at IS NOT NULL"), "the email")
        page.reload()  # the page stops asking if it asks just before the email has its row
        expect(page.locator("[data-test=email]")).to_contain_text("We've sent an email to reader@example.com.")
        with page.expect_download() as downloading:
            download.click()
        path = tmp_path / "downloaded.csv"
        downloading.value.save_as(path)
        assert downloading.value.suggested_filename.startswith("books-")

        page.get_by_role("link", name="My exports").first.click()
        expect(page.locator("[data-test=export-row]")).to_have_count(1)
        page.locator("[data-test=export-row] a").click()
        expect(page).to_have_url(address)
    (row,) = large_library.sql("SELECT count(*) AS books FROM library_book WHERE published_on >= '1930-01-01'")
    assert path.read_bytes().count(b",979") == row["books"]  # each ISBN begins with it


@pytest.mark.covers("exports/templates", "exports/views.py", "library/templates")
def test_a_page_goes_on_asking_after_the_server_was_away(page, library):
    export_id = library.add_export(genre="cookery")
    with library.site() as site:
        log_in(page, site, f"/exports/{export_id}/")
        expect(page.locator("[data-test=state]")).to_have_text("Waiting")
        page.context.set_offline(True)
        for _ in range(2):
            page.wait_for_event("requestfailed")
        page.context.set_offline(False)
        library.manage("run_task", "exports.tasks.run_export", f'[["{export_id}"], {{}}]')
        expect(page.locator("[data-test=error]")).to_have_text("These filters are no longer valid.")


def log_in(page, site, path):
    page.goto(f"http://127.0.0.1:{site.port}{path}")
    page.get_by_label("Username").fill("reader")
    page.get_by_label("Password").fill("reader")
    page.get_by_role("main").get_by_role("button", name="Log in").click()


@PAGES_ONLY
def test_a_button_keeps_the_focus_and_can_be_pressed_slowly(page, library):
    export_id = library.add_export()  # nothing runs it, so the page goes on asking
    with library.site() as site:
        log_in(page, site, f"/exports/{export_id}/")
        cancel = page.locator("[data-test=cancel]")
        cancel.focus()
        cancel.hover()
        with page.expect_response("**/progress/*"):
            page.mouse.down()
        with page.expect_response("**/progress/*"):  # the progress is replaced while the button is down
            pass
        expect(cancel).to_be_focused()
        page.mouse.up()
        expect(page.locator("[data-test=state]")).to_have_text("Cancelled")


@PAGES_ONLY
def test_a_page_whose_export_is_deleted_stops_asking(page, library):
    export_id = library.add_export()
    with library.site() as site:
        log_in(page, site, f"/exports/{export_id}/")
        library.sql("DELETE FROM exports_export")
        expect(page.get_by_text("This export has been deleted.")).to_be_visible()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_timeout(2_500)  # ms: it would have asked twice
        assert asked == []
