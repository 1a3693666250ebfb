"""Compress a file while it is written."""

import gzip
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

SUFFIXES = {"zip": ".zip", "gzip": ".gz", "zstd": ".zst"}
FIRST_TIME, LAST_TIME = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)  # that a zip can have
AHEAD = 16  # chunks that wait for the thread


@contextmanager
def compressed(file, method, name):
    """Yield a file whose bytes arrive compressed in `file`. `name` is the name inside the archive."""
    output = SimpleNamespace(write=file.write, flush=file.flush, tell=file.tell, seek=file.seek)
    with ExitStack() as stack:
        if method == "gzip":
            # Level 6, as in the program gzip. Python's default, 9, takes a third longer and saves less than 1 %.
            # The time is 0, which means "unknown", because the format has no times before 1970 and after 2106.
            target = stack.enter_context(gzip.GzipFile(name, "wb", compresslevel=6, fileobj=output, mtime=0))
        elif method == "zip":
            member = ZipInfo(name, min(max(FIRST_TIME, time.localtime()[:6]), LAST_TIME))
            member.compress_type = ZIP_DEFLATED
            archive = stack.enter_context(ZipFile(output, "w"))
            target = stack.enter_context(archive.open(member, "w", force_zip64=True))
        else:
            import zstandard

            target = stack.enter_context(zstandard.ZstdCompressor().stream_writer(output, closefd=False))
        try:
            with in_thread(target) as thread:
                yield thread
        except BaseException:
            # The compressor still writes the end of the archive. In a pipe, what has arrived would look complete.
            output.write = len
            raise


@contextmanager
def in_thread(file):
    """Yield a file whose writes happen in a thread, so the database is read while earlier data is compressed.

    A compressor releases Python's lock, so the thread uses a second core. An error is raised by a later write, or at
    the end.
    """
    waiting = deque()
    with ThreadPoolExecutor(1) as thread:

        def write(data):
            if len(waiting) == AHEAD:
                waiting.popleft().result()
            waiting.append(thread.submit(file.write, data))

        yield SimpleNamespace(write=write)
        for written in waiting:
            written.result()
