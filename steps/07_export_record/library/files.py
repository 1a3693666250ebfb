"""Where `export_books` writes: files that are complete or not there, and standard output."""

import errno
import gzip
import os
import secrets
import shutil
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo


@contextmanager
def whole_file(path, force=False):
    """A new file at `path`, open for bytes, that is there when the block ends well, and not before.

    It is written under another name beside its place, and moved there when it is on the disk.
    If anything goes wrong, nothing remains of it. An existing file is replaced only with `force`.
    """
    path = Path(os.path.realpath(path))  # where a symbolic link points to
    refuse_existing(path, force)
    part = path.with_name(f".export-{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        refuse_existing(path, force)
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def refuse_existing(path, force):
    if os.path.lexists(path) and not path.is_file():
        raise OSError(errno.EINVAL, "It is no file, and stays as it is", str(path))
    if path.exists() and not force:
        raise FileExistsError(errno.EEXIST, "It exists", str(path))


class StandardOutput:
    """A command's standard output, for bytes. `call_command` may have put a file for text in its place."""

    def __init__(self, stdout):
        self.stdout, self.written = stdout, 0
        self.binary = getattr(stdout, "buffer", None)

    def write(self, data):
        if self.binary:
            self.binary.write(data)
        else:
            self.stdout.write(str(data, "utf-8"), ending="")
        self.written += len(data)
        return len(data)

    def tell(self):
        return self.written

    def flush(self):
        if self.binary:
            self.binary.flush()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        try:
            self.flush()
        except OSError:
            drop(self.stdout)
            raise
        if isinstance(error, OSError):
            drop(self.stdout)


def drop(stream):
    """Send to nowhere what could not be written: Python would try again, and complain, when it ends."""
    if hasattr(stream, "buffer"):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def compressed(file, how, name):
    """`file` for what is to be compressed on its way there. `name` is what unpacking will give."""
    if how == "gzip":
        # 6 is what the program gzip takes. Python's 9 needs a third more time, and saves not one per cent.
        with gzip.GzipFile(name, "wb", compresslevel=6, fileobj=file) as packed:
            yield packed
    elif how == "zip":
        member = ZipInfo(name, time.localtime()[:6])
        member.compress_type = ZIP_DEFLATED
        with ZipFile(file, "w") as archive, archive.open(member, "w", force_zip64=True) as packed:
            yield packed
    else:
        yield file


@contextmanager
def stops_like_ctrl_c():
    """Within it SIGTERM, and SIGHUP of a closed terminal, raise KeyboardInterrupt, as Ctrl-C does.

    So what was begun is cleaned up. Python allows this in its main thread only.
    """
    names = ["SIGTERM", "SIGHUP"] if threading.current_thread() is threading.main_thread() else []
    signals = [getattr(signal, name) for name in names if hasattr(signal, name)]
    heeded = [each for each in signals if signal.getsignal(each) != signal.SIG_IGN]  # nohup ignores SIGHUP
    before = {each: signal.signal(each, signal.default_int_handler) for each in heeded}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
