"""Write the id of the export into each line of the log that is about it."""

import logging
from contextlib import contextmanager
from contextvars import ContextVar

current_export = ContextVar("export", default=None)


@contextmanager
def log_context(export_id):
    """Within the block, each line of the log has the id of the export."""
    token = current_export.set(export_id)
    try:
        yield
    finally:
        current_export.reset(token)


class ExportFilter(logging.Filter):
    def filter(self, record):
        record.export = current_export.get()
        return True
