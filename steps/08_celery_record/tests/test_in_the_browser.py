"""A reader with a real browser: log in, filter, export, watch the bar move, download."""

import shutil
import sqlite3
from contextlib import closing

import duckdb
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.exporting import copy_of
from tests.servers import program, smtp

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)  # ms, of which a machine with much else to do takes more than the usual five seconds

WATCH_THE_BAR = """() => {
    window.seen = []
    const look = () => {
        const bar = document.querySelector("[data-test=progress]")
        window.seen.push(bar.value / bar.max)
    }
    look()
    new MutationObserver(look).observe(document.body, {childList: true, subtree: true})
}"""


@pytest.fixture
def page():
    chromium = shutil.which("google-chrome") or program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(30_000)
        yield page
        browser.close()


def log_in(page, name, password):
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Log in").click()


def test_log_in_filter_export_watch_the_bar_move_and_download(page, large_database, tmp_path):
    with smtp() as (mail_server, mails):
        library = copy_of(large_database, tmp_path, mail_server=mail_server, mail_limit=1)
        with library.site() as site:
            page.goto(f"http://127.0.0.1:{site.port}/books/")
            page.get_by_label("Published from").fill("1930-01-01")
            page.get_by_role("button", name="Filter").click()
            page.get_by_role("link", name="Log in to export").click()
            log_in(page, "reader", "wrong")
            expect(page.locator("[data-test=error]")).to_contain_text("correct username and password")
            log_in(page, "reader", "reader")
            expect(page.get_by_label("Published from")).to_have_value("1930-01-01")
            page.locator("[data-test=export-button]").click()

            expect(page.locator("[data-test=state]")).to_have_text("Running")
            address = page.url
            page.evaluate(WATCH_THE_BAR)
            download = page.locator("[data-test=download]")
            expect(download).to_be_visible(timeout=60_000)
            seen = page.evaluate("window.seen")  # which a page loaded anew would have lost: it moved by itself
            assert seen == sorted(seen) and len(set(seen)) >= 3 and seen[-1] == 1

            expect(page.locator("[data-test=mail]")).to_contain_text("A mail was sent to reader@", timeout=60_000)
            with page.expect_download() as downloading:
                download.click()
            path = tmp_path / "downloaded.csv"
            downloading.value.save_as(path)
            assert downloading.value.suggested_filename.startswith("books-")

            page.get_by_role("link", name="My exports").first.click()
            expect(page.locator("[data-test=export-row]")).to_have_count(1)
            page.locator("[data-test=export-row] a").click()
            expect(page).to_have_url(address)
    assert table(path) == expected(library.database)
    (mail,) = mails
    assert address.partition("/exports/")[2] in mail.get_content()  # so large a file comes as a link


def table(path):
    """What an independent reader of CSV finds in the file: number of books, and sums over its columns."""
    query = f"""
        SELECT count(*), count(DISTINCT isbn), sum(CAST(pages AS BIGINT)), sum(CAST(price AS DECIMAL(12, 2))),
               sum(length(author)), min(published_on)
        FROM read_csv('{path}', all_varchar = true, header = true, delim = ',', quote = '"', escape = '"')
    """
    return [str(value) for value in duckdb.sql(query).fetchall()[0]]


def expected(database):
    """The same from the table. Formulas in the authors' names have an apostrophe more in the file."""
    query = """
        SELECT count(*), count(DISTINCT isbn), sum(pages), printf('%.2f', sum(price)),
               sum(length(name) + (substr(name, 1, 1) IN ('=', '+', '-', '@', char(9), char(13)))), min(published_on)
        FROM library_book JOIN library_author ON library_author.id = author_id WHERE published_on >= '1930-01-01'
    """
    with closing(sqlite3.connect(database)) as connection:
        return [str(value) for value in connection.execute(query).fetchone()]


def test_a_failed_export_is_told_in_words(page, library):
    with library.site() as site, library.reader(site) as reader:
        address = f"http://127.0.0.1:{site.port}"
        page.context.add_cookies([{"name": "sessionid", "value": reader.http.cookies["sessionid"], "url": address}])
        page.goto(f"{address}/exports/")
        expect(page.get_by_text("You have no exports yet")).to_be_visible()
        page.goto(f"{address}/books/")
        library.change("ALTER TABLE library_author RENAME TO elsewhere")
        page.locator("[data-test=export-button]").click()
        expect(page.locator("[data-test=state]")).to_have_text("Failed")
        expect(page.locator("[data-test=error]")).to_have_text("There was a problem with the database.")
