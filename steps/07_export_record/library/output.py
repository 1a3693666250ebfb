"""A command's standard output and its messages."""

import errno
import os
from contextlib import contextmanager, suppress


@contextmanager
def binary_output(stdout):
    """Open a command's standard output for bytes.

    It is opened a second time, because Python's own stream can write a part of the
    data without an error if it is unbuffered (PYTHONUNBUFFERED).
    """
    try:
        descriptor = os.dup(stdout.fileno())
    except (OSError, AttributeError):  # `call_command(stdout=...)` was given a text stream
        if not hasattr(stdout, "closed"):  # Python has no stream at all if a process starts with a closed one
            raise OSError(errno.EBADF, "it is closed") from None
        yield TextAdapter(stdout)
    else:
        with os.fdopen(descriptor, "wb") as file:
            yield file


class TextAdapter:
    """Writes UTF-8 bytes to a text stream."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, data):
        self.stream.write(data.decode(), ending="")


def say(stream, message):
    """Print a message about work that is done.

    If the stream is closed or full, or can't encode a character, the work is still
    done. So that isn't an error.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(message.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (OSError, AttributeError):
        # Python would write the message again when it exits, and report that error. A closed stream has no number.
        with suppress(AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
