"""What the benchmarks share: run a process or a download, measure its time and memory, and describe the machine."""

import os
import platform
import re
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
    """Run a program. Return its standard output, and its seconds, CPU seconds and peak memory."""
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
    """Yield a list. After the block, its only number is the peak memory in bytes of the process and its children."""
    peaks, over = {}, threading.Event()

    def watch():
        while True:
            for each in [pid, *children(pid)]:
                peaks[each] = max(peaks.get(each, 0), high_water(each))
            if over.wait(0.005):
                break

    peak, watcher = [0], threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()
        peak[0] = sum(peaks.values())


def children(pid):
    """Return the ids of the processes that this process has started. (On Linux. Elsewhere, none.)"""
    try:
        return [int(each) for file in Path(f"/proc/{pid}/task").glob("*/children") for each in file.read_text().split()]
    except OSError:
        return []


def high_water(pid):
    """Return the peak memory of a process in bytes. Linux records it. Elsewhere, return what the process has now."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0
    except OSError:
        try:
            return psutil.Process(pid).memory_info().rss
        except psutil.Error:
            return 0


def download(site, path, file):
    """Download with curl into `file`. Return the seconds, and the CPU seconds and the peak memory of the worker."""
    (worker,) = site.process.children()
    times = "%{time_total} %{time_starttransfer}"
    command = ["curl", "--silent", "--show-error", "--fail", "--output", file, "--write-out", times]
    before = worker.cpu_times()
    with peak_memory(worker.pid) as peak:  # curl ends with an error if the response is incomplete
        done = subprocess.run([*command, f"http://127.0.0.1:{site.port}{path}"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{path} failed: {done.stderr}")
    after = worker.cpu_times()
    seconds, first = map(float, done.stdout.split())
    cpu = after.user + after.system - before.user - before.system
    return {"seconds": seconds, "first_byte": first, "cpu_seconds": cpu, "peak_bytes": peak[0]}


def summary(runs):
    """Return the median of each figure, the least and the most seconds, and the seconds of each round."""
    medians = {
        key: statistics.median(run[key] for run in runs) if runs[0][key] is not None else None for key in runs[0]
    }
    seconds = [run["seconds"] for run in runs]
    return {**medians, "least": min(seconds), "most": max(seconds), "rounds": seconds}


def machine(*packages):
    versions = {name: version(name) for name in packages}
    return {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system(), **versions}
