"""A command's standard output and its messages."""

import errno
import os
from contextlib import contextmanager, suppress
from types import SimpleNamespace


@contextmanager
def binary_output(stdout):
    """Open a command's standard output for bytes.

    If Python's own stream is unbuffered (PYTHONUNBUFFERED), it can write a part of the data without an error.
    """
    try:
        file = os.fdopen(stdout.fileno(), "wb", closefd=False)
    except (OSError, AttributeError):  # `call_command(stdout=...)` was given a text stream
        if not hasattr(stdout, "closed"):  # Python has no stream at all if a process starts with a closed one
            raise OSError(errno.EBADF, "it is closed") from None
        yield SimpleNamespace(write=lambda data: stdout.write(data.decode(), ending=""))
    else:
        with file:
            yield file


def say(stream, message):
    """Print a message about work that is done. If the stream is closed or full, that isn't an error anymore."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(message.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (OSError, AttributeError):
        # Python would write the message again when it exits, and report that error. A closed stream has no number.
        with suppress(AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
