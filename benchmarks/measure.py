"""What the benchmarks share: processes whose time and memory are noted, a download, and the machine."""

import os
import platform
import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import psutil


def run(command, **options):
    """Run a program to its end. Gives its standard output, and its seconds, CPU seconds and peak memory."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        with peak_memory(process.pid) as peak:
            before = os.times()
            said, complained = process.communicate()
            after = os.times()
    seconds = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed: {complained.decode()}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return said, {"seconds": seconds, "first_byte": None, "cpu_seconds": cpu, "peak_bytes": peak[0]}


@contextmanager
def peak_memory(pid):
    """A list whose only number, after the block, is the most memory that the process held, in bytes."""
    peak, over = [0], threading.Event()

    def watch():
        while True:
            peak[0] = max(peak[0], high_water(pid))
            if over.wait(0.005):
                break

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()
        peak[0] = max(peak[0], high_water(pid))


def high_water(pid):
    """The kernel's own record of it on Linux, which misses nothing between two looks; elsewhere what it has now."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0
    except OSError:
        try:
            return psutil.Process(pid).memory_info().rss
        except psutil.Error:
            return 0


def download(site, path):
    """GET over HTTP/1.1, like a browser. Gives what `run` gives, of the server's worker, and the bytes sent."""
    (worker,) = site.process.children()
    before, started = worker.cpu_times(), time.perf_counter()
    with peak_memory(worker.pid) as peak, socket.create_connection(("127.0.0.1", site.port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        piece = connection.recv(1 << 20)
        first = time.perf_counter() - started
        if b" 200 " not in piece[:16]:
            sys.exit(f"{path} failed: {piece[:200]!r}")
        head, size, tail = piece.partition(b"\r\n\r\n")[0].lower(), 0, b""
        while piece:
            size, tail = size + len(piece), (tail + piece[-5:])[-5:]
            piece = connection.recv(1 << 20)
        seconds = time.perf_counter() - started
    length = re.search(rb"content-length: (\d+)", head)
    if not (size - len(head) - 4 == int(length[1]) if length else tail == b"0\r\n\r\n"):
        sys.exit(f"{path} was cut off.")
    after = worker.cpu_times()
    cpu = after.user + after.system - before.user - before.system
    return {"seconds": seconds, "first_byte": first, "cpu_seconds": cpu, "peak_bytes": peak[0]}


def summary(runs):
    """The median of each figure, and least and most seconds."""
    medians = {
        key: statistics.median(run[key] for run in runs) if runs[0][key] is not None else None for key in runs[0]
    }
    seconds = [run["seconds"] for run in runs]
    return {**medians, "least": min(seconds), "most": max(seconds), "runs": len(runs)}


def machine(*packages):
    versions = {name: version(name) for name in packages}
    return {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system(), **versions}
