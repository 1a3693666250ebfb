"""A Celery worker ends with an error when Redis is killed and comes back. See celery-redis-restart.md.

    python celery-redis-restart.py

It needs redis-server, and: pip install "celery[redis]==5.7.0" "kombu==5.7.0".
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from celery import Celery
from redis import Redis

PORT = int(os.environ.get("REDIS_PORT", "6399"))
FOLDER = Path(os.environ.get("FOLDER", tempfile.gettempdir()))
app = Celery("tasks", broker=f"redis://127.0.0.1:{PORT}/0")
app.conf.broker_connection_retry = True  # the default


@app.task(name="hold")
def hold():
    (FOLDER / "running").touch()
    time.sleep(8)


@app.task(name="note")
def note(name):
    (FOLDER / name).touch()


def main():
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {**os.environ, "REDIS_PORT": str(port), "FOLDER": folder}
        redis_command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        redis_command += ["--appendonly", "yes", "--save", "", "--logfile", "redis.log"]
        module = Path(__file__).stem
        worker_command = [sys.executable, "-m", "celery", "-A", module, "worker", "--concurrency=1"]
        app.conf.broker_url = f"redis://127.0.0.1:{port}/0"
        client = Redis(port=port)
        server = start_redis(redis_command, client)
        with Path(folder, "worker.log").open("w") as log:
            worker = subprocess.Popen(
                worker_command, cwd=Path(__file__).parent, env=environment, stdout=log, stderr=log
            )
        try:
            hold.delay()
            wait(Path(folder, "running").exists)
            for name in ("a", "b", "c"):
                note.delay(name)
            wait(lambda: client.hlen("unacked") == 3)  # the worker has reserved them

            server.kill()
            server.wait()
            server = start_redis(redis_command, client)
            print(f"celery {version('celery')}, kombu {version('kombu')}, redis-py {version('redis')}")
            time.sleep(20)

            status = worker.poll()
            print("the worker", "still runs" if status is None else f"has ended with status {status}")
            print("tasks that have run:", [name for name in ("a", "b", "c") if Path(folder, name).exists()])
            print("in the queue:", client.llen("celery"), "- in the hash `unacked`:", client.hlen("unacked"))
            text = Path(folder, "worker.log").read_text()
            print(*[line for line in text.splitlines() if "MainProcess]" in line], sep="\n")
        finally:
            if worker.poll() is None:
                worker.terminate()
                worker.wait(30)
            server.kill()
            server.wait()


def start_redis(command, client):
    server = subprocess.Popen(command)
    wait(lambda: answers(client))
    return server


def answers(client):
    try:
        return client.ping()
    except Exception:
        return False


def wait(condition):
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("Waited too long.")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
