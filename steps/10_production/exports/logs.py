"""Which export a line of the log is about."""

import logging
from contextlib import contextmanager
from contextvars import ContextVar

_export = ContextVar("export", default=None)


@contextmanager
def about(export):
    """Within the block each line of the log, whoever writes it, has the export's id."""
    token = _export.set(str(export.pk))
    try:
        yield
    finally:
        _export.reset(token)


class WithExport(logging.Filter):
    def filter(self, record):
        record.export = _export.get()
        return True
