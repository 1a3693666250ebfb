"""`manage.py seed_books`: any number of books, the awkward ones among them, the same by the same seed."""

import os
import re
import signal
import sys
from functools import partial

import pytest
from django.core.management import CommandError, call_command

from library.factories import AWKWARD, AuthorFactory, BookFactory, fake_isbn
from library.models import Author, Book
from tests.servers import environment, manage, process, wait_for

pytestmark = pytest.mark.covers(
    "library/management/commands/seed_books.py", "library/factories.py", "library/models.py"
)


@pytest.fixture(autouse=True)
def first_isbn():
    """The command moves the factory's next number. Move it back for the tests that come later, in any order."""
    yield
    BookFactory.reset_sequence(0)


def table():
    return list(Book.objects.values_list("title", "author__name", "isbn", "genre", "language", "published_on", "price"))


@pytest.mark.django_db
def test_it_makes_so_many_books_all_distinct_and_valid():
    call_command("seed_books", "12345", verbosity=0)
    books = Book.objects.all()
    assert books.count() == 12_345
    assert books.values("title").distinct().count() == 12_345
    for book in books.filter(pk__in=books.values_list("pk", flat=True)[::50]).select_related("author"):
        book.full_clean()


@pytest.mark.django_db
def test_the_awkward_books_are_always_there_and_cost_nothing():
    call_command("seed_books", "100", verbosity=0)
    seeded = dict(Book.objects.filter(price=0).values_list("title", "author__name"))
    assert dict(AWKWARD).items() <= seeded.items()
    assert {title[0] for title, author in AWKWARD} >= set("=+-@\t")


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, len(AWKWARD), len(AWKWARD) + 1, 2_000, 2_001, 52_001])
def test_small_and_round_numbers(count):
    call_command("seed_books", str(count), verbosity=0)
    assert Book.objects.count() == count


@pytest.mark.django_db
def test_the_same_seed_makes_the_same_books():
    call_command("seed_books", "6000", "--seed=7", verbosity=0)
    first = table()
    call_command("seed_books", "6000", "--seed=7", "--clear", verbosity=0)
    assert table() == first
    call_command("seed_books", "6000", "--seed=8", "--clear", verbosity=0)
    assert table() != first


@pytest.mark.django_db
def test_a_second_run_adds_and_clear_starts_anew():
    own = BookFactory(title="My own", isbn="9780306406157")
    call_command("seed_books", "5100", verbosity=0)
    call_command("seed_books", "5100", verbosity=0)
    assert Book.objects.count() == 10_201
    assert Book.objects.get(isbn=own.isbn).title == "My own"
    AuthorFactory()
    call_command("seed_books", "10", "--clear", verbosity=0)
    assert Book.objects.count() == 10
    assert Author.objects.exclude(books__isnull=False).count() <= 1


@pytest.mark.django_db
@pytest.mark.parametrize("count", ["0", "-5", "many", "1.5", "100000000", "²", "٣", "9" * 5_000])
def test_a_bad_count_is_one_clear_sentence(count):
    call_command("seed_books", "3", verbosity=0)
    with pytest.raises(CommandError, match="whole number from 1 to 99,999,999"):
        call_command("seed_books", "--clear", "--", count, verbosity=0)
    assert Book.objects.count() == 3


@pytest.mark.server
def test_without_tables_it_names_the_command_that_makes_them(tmp_path):
    database = tmp_path / "library.sqlite3"
    refused = manage(database, "seed_books", 3)
    assert refused.returncode == 1
    assert refused.stderr.startswith("CommandError: The database says: no such table")
    assert "manage.py migrate" in refused.stderr and len(refused.stderr.splitlines()) == 1
    manage(database, "migrate")
    assert manage(database, "seed_books", 3).returncode == 0


@pytest.mark.django_db
def test_it_stops_before_the_made_up_isbns_run_out():
    BookFactory(isbn=fake_isbn(99_999_997))
    with pytest.raises(CommandError, match="only ISBNs for 2 more books"):
        call_command("seed_books", "3", verbosity=0)
    call_command("seed_books", "2", verbosity=0)
    assert Book.objects.count() == 3


@pytest.mark.server
def test_it_is_silent_in_a_pipe_but_for_one_line(tmp_path):
    database = tmp_path / "library.sqlite3"
    manage(database, "migrate")
    done = manage(database, "seed_books", 30)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Added 30 books in ")
    assert manage(database, "seed_books", 30, "-v0").stdout == ""


@pytest.mark.server
@pytest.mark.skipif(sys.platform == "win32", reason="pty is for Unix")
def test_a_terminal_shows_a_progress_bar_and_ctrl_c_keeps_whole_batches(tmp_path):
    import pty
    import termios

    database = tmp_path / "library.sqlite3"
    manage(database, "migrate")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    command = [sys.executable, "manage.py", "seed_books", "50000000"]
    options = {"env": environment(database), "stdout": theirs, "stderr": theirs}
    # A shell that runs pytest in its background has Ctrl-C ignored, and children inherit that.
    heed_ctrl_c = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with process(command, preexec_fn=heed_ctrl_c, **options) as seeding:
        os.close(theirs)
        shown = b""

        def bar_moves():
            nonlocal shown
            shown += os.read(ours, 1000)
            return re.search(rb"[1-9][0-9.]+k/50.0M .* books/s", shown)

        wait_for(bar_moves, "the progress bar")
        seeding.send_signal(signal.SIGINT)
        while True:
            try:
                shown += os.read(ours, 1000)
            except OSError:  # the other end was closed
                break
        assert seeding.wait(timeout=30) == 130
    os.close(ours)
    assert b"were added. They are kept." in shown
    assert b"Traceback" not in shown
    done = manage(database, "shell", "-v0", "-c", "from library.models import Book; print(Book.objects.count())")
    assert int(done.stdout) > 0 and int(done.stdout) % 50_000 == 2_000


@pytest.mark.server
def test_a_database_that_cannot_be_opened_is_one_line(tmp_path):
    done = manage(tmp_path / "no folder" / "db.sqlite3", "seed_books", 10)
    assert (done.returncode, done.stderr) == (1, "CommandError: The database says: unable to open database file.\n")
