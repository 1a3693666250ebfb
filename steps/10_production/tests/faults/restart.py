"""Servers that are stopped and started again, on the same port and with what they had on their disks."""

import tempfile
from contextlib import ExitStack, contextmanager

import psutil

from tests.brokers import rabbitmq, redis, s3
from tests.servers import free_port, postgresql, wait_for


class Restartable:
    """A server that `start(port)` starts, a context manager. `url` is what that gives."""

    def __init__(self, start):
        self.start_at, self.port, self.stack = start, free_port(), ExitStack()
        self.start()

    def start(self):
        self.url = self.stack.enter_context(self.start_at(self.port))

    def stop(self):
        self.stack.close()

    def restart(self):
        self.stop()
        self.start()


class Postgres(Restartable):
    def stop(self):
        """Not to wait for its clients: PostgreSQL's immediate shutdown."""
        for process in psutil.process_iter(["cmdline"]):
            if f"port={self.port}" in (process.info["cmdline"] or []):
                process.send_signal(psutil.signal.SIGQUIT)
                wait_for(lambda: not process.is_running() or process.status() == "zombie", "PostgreSQL to stop")  # noqa: B023
        super().stop()


@contextmanager
def restartable(kind):
    """PostgreSQL, RabbitMQ, Redis or S3."""
    with tempfile.TemporaryDirectory() as folder:
        starts = {
            "postgresql": lambda port: postgresql(port, folder),
            "rabbitmq": lambda port: rabbitmq(port, folder),
            "redis": redis,
            "s3": lambda port: s3("exports", port),
        }
        server = (Postgres if kind == "postgresql" else Restartable)(starts[kind])
        try:
            yield server
        finally:
            server.stop()
