"""A user with a real browser: log in, filter, export, watch the progress bar, download."""

import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.servers import program, wait_for

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)  # ms, because a busy machine needs more than the default of five seconds

WATCH_THE_BAR = """() => {
    window.seen = []
    const look = () => {
        const bar = document.querySelector("[data-test=progress]")
        window.seen.push(bar.value / bar.max)
    }
    look()
    new MutationObserver(look).observe(document.body, {childList: true, subtree: true})
}"""


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
        page.locator("[data-test=export-button]").click()

        expect(page.locator("[data-test=state]")).to_have_text("Running")
        address = page.url
        page.evaluate(WATCH_THE_BAR)
        download = page.locator("[data-test=download]")
        expect(download).to_be_visible(timeout=60_000)
        seen = page.evaluate("window.seen")  # a reload would have lost this list
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
        page.goto(f"http://127.0.0.1:{site.port}/exports/{export_id}/")
        page.get_by_label("Username").fill("reader")
        page.get_by_label("Password").fill("reader")
        page.get_by_role("main").get_by_role("button", name="Log in").click()
        expect(page.locator("[data-test=state]")).to_have_text("Waiting")
        page.context.set_offline(True)
        for _ in range(2):
            page.wait_for_event("requestfailed")
        page.context.set_offline(False)
        library.manage("run_export", export_id)
        expect(page.locator("[data-test=error]")).to_have_text("These filters are no longer valid.")
