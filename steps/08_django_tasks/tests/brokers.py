"""Real brokers for the tests, on free ports, each ended by the process that we started."""

import json
import os
import subprocess
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path

from tests.servers import answers, free_port, process, program, wait_for

VIRTUAL_HOSTS = 20  # one for each test of one RabbitMQ, which needs some seconds to start


@contextmanager
def redis(port=None):
    """Run a new Redis, and yield its URL and its process."""
    port = port or free_port()
    command = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with tempfile.TemporaryDirectory() as folder, process([*command, "--dir", folder], stdout=subprocess.DEVNULL) as it:
        wait_for(lambda: answers(port), "Redis")
        yield f"redis://127.0.0.1:{port}/0", it


@contextmanager
def rabbitmq():
    """Run a new RabbitMQ, and yield an iterator over the URLs of its empty virtual hosts."""
    server = program("rabbitmq-server", "/usr/lib/rabbitmq/bin", first=True)
    port, names = free_port(), free_port()
    hosts = [uuid.uuid4().hex for _ in range(VIRTUAL_HOSTS)]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        rights = {"user": "guest", "configure": ".*", "write": ".*", "read": ".*"}
        definitions = {
            "vhosts": [{"name": name} for name in hosts],
            "users": [{"name": "guest", "password": "guest", "tags": ""}],
            "permissions": [{"vhost": name, **rights} for name in hosts],
        }
        (folder / "definitions.json").write_text(json.dumps(definitions))
        settings = {"listeners.tcp.1": f"127.0.0.1:{port}", "load_definitions": folder / "definitions.json"}
        settings |= {"log.console": "true", "log.file": "false"}
        (folder / "rabbitmq.conf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        (folder / "plugins").write_text("[].")
        log = folder / "log"
        env = {
            **os.environ,
            "HOME": made,
            "ERL_EPMD_PORT": str(names),
            "RABBITMQ_NODENAME": f"library{port}@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": made,
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
        }
        # Erlang's name server. Otherwise the first RabbitMQ starts one that nothing ends.
        with (
            process([program("epmd"), "-port", str(names), "-address", "127.0.0.1"]),
            log.open("wb") as output,
            process([server], env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output),
        ):
            wait_for(lambda: "Server startup complete" in log.read_text(), "RabbitMQ", seconds=120)
            yield iter([f"amqp://guest:guest@127.0.0.1:{port}/{name}" for name in hosts])
