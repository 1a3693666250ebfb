"""Compress a file while it is written."""

import gzip
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

SUFFIXES = {"zip": ".zip", "gzip": ".gz", "zstd": ".zst"}
FIRST_TIME, LAST_TIME = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)  # that a zip can have
AHEAD = 16  # chunks that wait for the thread


@contextmanager
def compressed(file, method, name):
    """Yield a file whose bytes arrive compressed in `file`. `name` is the name inside the archive."""
    output = UntilAnError(file)
    if method == "gzip":
        # Level 6, as in the program gzip. Python's default, 9, takes a third longer and saves less than 1 %.
        # The time is 0, which means "unknown", because the format has no times before 1970 and after 2106.
        with gzip.GzipFile(name, "wb", compresslevel=6, fileobj=output, mtime=0) as target:
            with in_thread(target) as thread, output:
                yield thread
    elif method == "zip":
        member = ZipInfo(name, min(max(FIRST_TIME, time.localtime()[:6]), LAST_TIME))
        member.compress_type = ZIP_DEFLATED
        with ZipFile(output, "w") as archive, archive.open(member, "w", force_zip64=True) as target:
            with in_thread(target) as thread, output:
                yield thread
    elif method == "zstd":
        import zstandard

        with zstandard.ZstdCompressor(threads=1).stream_writer(output, closefd=False) as target, output:
            yield target
    else:
        yield file


class UntilAnError:
    """A file that drops what is written after an error in its block.

    A compressor writes the end of the archive also after an error. In a pipe, what has arrived would look complete.
    """

    def __init__(self, file):
        self.file, self.is_broken = file, False

    def write(self, data):
        return len(data) if self.is_broken else self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.is_broken = error is not None


@contextmanager
def in_thread(file):
    """Yield a file whose writes happen in a thread, so the database is read while earlier data is compressed.

    zlib releases Python's lock, so the thread uses a second core. An error is raised by a later write, or at the end.
    """
    thread, waiting = ThreadPoolExecutor(1), deque()

    def write(data):
        if len(waiting) == AHEAD:
            waiting.popleft().result()
        waiting.append(thread.submit(file.write, data))

    try:
        yield SimpleNamespace(write=write)
        for written in waiting:
            written.result()
    finally:
        thread.shutdown(cancel_futures=True)
