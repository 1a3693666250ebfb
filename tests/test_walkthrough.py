"""Every command of every chapter does, in a fresh copy of the repository, what the chapter shows."""

import pytest

from tutorial import UserError
from tutorial.site import record


@pytest.fixture(scope="module")
def copy():
    with record.fresh_copy() as root:
        yield root


@pytest.mark.slow
@pytest.mark.parametrize("path", record.PAGES, ids=lambda path: path.stem)
def test_a_reader_who_types_what_the_page_says_sees_what_it_shows(path):
    page = path.read_text("utf-8")
    with record.fresh_copy() as root:
        assert record.recorded(page, root) == page


def test_every_command_of_a_chapter_is_typed():
    for path in record.PAGES:
        page = path.read_text("utf-8")
        assert len(record.BLOCK.findall(page)) == page.count("\n```bash\n") > 0, path.name
        assert "```text\n" not in record.BLOCK.sub("", page), f"{path.name} shows an output without a command before it"


def page_of(typed, shown=None):
    return f"Text.\n\n```bash\n{typed}\n```\n\n" + (f"```text\n{shown}\n```\n" if shown else "More text.\n")


@pytest.mark.parametrize("typed", ["no-such-command", "cd steps/nowhere", "false\ntrue", "make demo STEP=99"])
def test_a_command_that_no_longer_works_is_found(copy, typed):
    with pytest.raises(UserError, match=typed.splitlines()[0]):
        record.recorded(page_of(typed), copy)


def test_another_output_than_the_page_shows_is_recorded(copy):
    page = page_of("cd steps\nls -d 0[12]*", "01_models\n02_nothing")
    page += page_of("pwd", "/elsewhere")  # in the same shell
    page += page_of("date +'%F.csv %H:%M 12 ms'", "2026-11-24.csv 12:00 7 ms")  # differs from run to run
    right = page.replace("02_nothing", "02_httpresponse").replace("/elsewhere", f"{record.HOME}/steps")
    assert record.recorded(page, copy) == right
    assert record.recorded(right, copy) == right
