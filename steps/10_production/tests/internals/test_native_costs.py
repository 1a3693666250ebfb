"""What a book costs the native engine on SQLite, counted in a process with a database of its own."""

import json

import pytest

from tests.servers import manage

SCRIPT = """
import json, sys, tracemalloc
from library.book_csv import BATCH
from library.models import Book
from library.native import native_chunks

def calls(books):
    counted = 0
    def count(frame, event, argument):
        nonlocal counted
        counted += event in ("call", "c_call")
    sys.setprofile(count)
    list(native_chunks(books, False, False))
    sys.setprofile(None)
    return counted

few, many = Book.objects.filter(pk__lte=BATCH), Book.objects.all()
list(native_chunks(few, False, False))
tracemalloc.start()
for _ in native_chunks(many, False, False):
    pass
memory = tracemalloc.get_traced_memory()[1]
tracemalloc.stop()
read = sum(books for _, books in native_chunks(many, False, False))
print(json.dumps({"calls": (calls(many) - calls(few)) / (read - BATCH), "memory": memory, "read": read}))
"""


@pytest.mark.server
def test_python_does_not_touch_the_single_book(database):
    done = manage(database, "shell", "--verbosity=0", "-c", SCRIPT)
    assert done.returncode == 0, done.stderr
    cost = json.loads(done.stdout)
    assert cost["read"] == 20_000
    assert cost["calls"] < 0.05
    assert cost["memory"] < 300_000  # bytes, of Python's: the first piece, with the header. Pieces are the driver's
