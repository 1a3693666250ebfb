"""What is measured. Each function gets a session whose site and workers run, and returns figures or an outcome."""

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from itertools import pairwise

import psutil

from runners.processes import kill, wait_for

CLICKS = 10  # requests at the same time
PART = 500  # tasks that one request enqueues
FINAL = ("fail", "discard", "lost")  # parts of the names of states that no package leaves by itself


# Time, memory and CPU


def latency(session, sizes):
    """Export the books, one click after the other.

    `answer` is from the click to the response, `start` from the response to the start of the job, which is less than 0
    if the job starts first, and `done` from the click to the file.
    """
    return [one(session, "export") for _ in range(sizes.clicks)]


def defaults(session, sizes):
    """Export the books in the same way, but with the poll interval and the concurrency of the package."""
    return latency(session, sizes)


def one(session, kind):
    key = new_key(kind)
    time.sleep(random.random() * 0.1)  # a click comes at any moment between two polls
    clicked = time.monotonic()
    _, answered = session.enqueue(kind, key)
    _, ended = session.wait_for(key, "end")
    _, started = session.wait_for(key, "start")
    return {"answer": answered - clicked, "start": started - answered, "done": ended - clicked}


def burst(session, sizes):
    """Click many times at the same time. Return the seconds until the last file, and the peak memory."""
    return many(session, sizes.burst)


def large_burst(session, sizes):
    """Click even more often at the same time."""
    return many(session, sizes.large_burst)


def many(session, count):
    keys = [new_key("burst") for _ in range(count)]
    answers = []

    def click(key):
        began = time.monotonic()
        answers.append(session.enqueue("export", key)[1] - began)

    with session.peak_memory() as peak, ThreadPoolExecutor(CLICKS) as clicks:
        began = time.monotonic()
        list(clicks.map(click, keys))
        ended = [session.wait_for(key, "end", 120)[1] for key in keys]
    for key in keys:
        (session.folder / f"{key}.csv").unlink()
    return {"clicks": count, "seconds": max(ended) - began, "slowest_answer": max(answers), "peak_bytes": dict(peak)}


def idle(session, sizes):
    """Return memory and CPU seconds of each part while there is nothing to do."""
    settle(session)
    before = session.cpu()
    time.sleep(sizes.idle)
    after = session.cpu()
    return {
        "seconds": sizes.idle,
        "cpu_seconds": {part: after[part] - before[part] for part in after},
        "bytes": session.memory(),
        "processes": {part: len(processes) for part, processes in session.parts().items()},
    }


def settle(session):
    """Wait until the CPU time of each second doesn't go down anymore, because a worker does things after its start."""
    used, before = [], sum(session.cpu().values())
    while len(used) < 3 or (used[-1] < used[-2] * 0.8 and len(used) < 20):
        time.sleep(1)
        now = sum(session.cpu().values())
        used.append(now - before)
        before = now


def empty(session, sizes, count=None):
    """Run tasks that do nothing. With a queue, enqueue all of them before the workers start.

    Return the seconds and the CPU seconds of both phases. Each phase ends when its time is over, so `enqueued` and
    `done` can be less than what was asked for.
    """
    count = count or (sizes.few if starts_processes(session) else sizes.empty)
    for each in session.workers:
        each.stop(stop_signal(session))
    before, began, enqueued, keys = session.cpu(), time.monotonic(), 0, []
    while enqueued < count and time.monotonic() - began < sizes.seconds:
        part = min(PART, count - enqueued)
        keys.append(new_key("empty"))
        session.enqueue("empty", keys[-1], count=part)
        enqueued += part
    enqueue = {"seconds": time.monotonic() - began, "cpu_seconds": difference(session.cpu(), before)}

    def done():
        events = session.events()
        return [
            events[key][-1] for key in list(events) if key.rsplit("-", 1)[0] in known and events[key][-1][0] == "end"
        ]

    known = set(keys)
    if session.workers:
        session.start_workers()
    with suppress(TimeoutError):
        wait_for(done, "the first task", sizes.seconds)
    already = len(done()) if session.workers else 0
    if session.workers:  # otherwise, the tasks run while others are enqueued
        before, began = session.cpu(), time.monotonic()
    with suppress(TimeoutError):
        wait_for(lambda: len(done()) >= enqueued, "all tasks", sizes.seconds)
    ended = len(done())
    run = {"seconds": time.monotonic() - began, "cpu_seconds": difference(session.cpu(), before)}
    return {"enqueued": enqueued, "enqueue": enqueue, "done": ended - already, "done_before": already, "run": run}


def connections(session, sizes):
    """Run some of these tasks: always the same number, because a long queue costs more for each task."""
    return empty(session, sizes, sizes.connections)


# Outcomes


def transaction(session, sizes):
    """Enqueue in a transaction. Does the task start before the commit? Does it start after a rollback?"""
    before, after = in_transaction(session, "commit", sizes)
    _, after_rollback = in_transaction(session, "rollback", sizes)
    return {"starts_before_commit": before, "starts_after_commit": after, "starts_after_rollback": after_rollback}


def in_transaction(session, how, sizes):
    """Return whether the task has started before the end of the transaction, and whether it has started at last."""
    key = new_key(how)
    click = threading.Thread(target=session.get, args=(f"/run/empty/{key}/?inside={how}",))
    click.start()
    try:
        session.wait_for(key, "enqueued")
        if session.options.database:  # with SQLite, no one else can write now
            let_a_task_run(session, sizes)
        before = happens(session, key, "start", sizes.soon)
    finally:
        session.release(f"transaction-{key}")
        click.join()
    let_a_task_run(session, sizes)
    return before, happens(session, key, "start", 60 if how == "commit" else sizes.soon)


def let_a_task_run(session, sizes):
    """Run another task to its end. A task that was enqueued before it has had its chance.

    The other task can wait behind the first one: django-dramatiq's AdminMiddleware waits in the worker for the row that
    the open transaction has written.
    """
    key = new_key("other")
    session.enqueue("empty", key)
    happens(session, key, "end", sizes.watch)


def failure(session, sizes):
    """Run a task that raises an exception. How often does it run, when, and what can you see?"""
    key = new_key("fail")
    id, _ = session.enqueue("fail", key)
    session.wait_for(key, "raise")
    time.sleep(sizes.failure)
    moments = [at for _, _, at in session.seen(key, "start")]
    return {
        "watched_seconds": sizes.failure,
        "runs": len(moments),
        "seconds_between": [after - before for before, after in pairwise(moments)],
        "state": session.state(id),
        "state_after_success": state_after_success(session),
    }


def state_after_success(session):
    key = new_key("good")
    id, _ = session.enqueue("hold", key)
    session.wait_for(key, "start")
    running = session.state(id)
    session.release(key)
    session.wait_for(key, "end")
    return state_after(session, id, running)


def state_after(session, id, running):
    """Return the state of a job that has ended. The runner writes it down after the job's own note."""
    if running is not None:
        with suppress(TimeoutError):
            wait_for(lambda: session.state(id) != running, "another state", 5)
    return session.state(id)


def kill_process(session, sizes):
    """Kill the process that runs a task with SIGKILL."""
    return held(session, sizes, lambda process: kill([process]))


def kill_worker(session, sizes):
    """Kill all processes of the worker with SIGKILL, or those of the site if there is no worker. Start them again."""

    return held(session, sizes, lambda process: kill_all(session))


def kill_all(session):
    for each in session.workers or [session.site]:
        kill(each.family())


def stop(session, sizes):
    """Stop the worker as its documentation recommends, while a task needs some more seconds, and start it again."""
    return ask_to_stop(session, sizes, stop_signal(session))


def sigterm(session, sizes):
    """Send the worker SIGTERM, if its documentation recommends another signal."""
    if stop_signal(session) == signal.SIGTERM:
        return None
    return ask_to_stop(session, sizes, signal.SIGTERM)


def ask_to_stop(session, sizes, which):
    asked = [each.popen for each in session.workers or [session.site]]
    ended, began = {"before_the_task": False}, []

    def act(process):
        began.append(time.monotonic())
        for each in asked:
            with suppress(ProcessLookupError):
                os.kill(each.pid, which)
        with suppress(TimeoutError):  # a worker that waits for its task
            wait_for(all_ended, "the end of the worker", sizes.stop)
            ended["before_the_task"] = True
            ended["seconds"] = time.monotonic() - began[0]

    def all_ended():
        return all(each.poll() is not None for each in asked)

    outcome = held(session, sizes, act)
    with suppress(TimeoutError):
        wait_for(all_ended, "the end of the worker", sizes.watch + 20)
        ended.setdefault("seconds", time.monotonic() - began[0])
    return {"signal": which.name, "task_seconds_left": sizes.stop, "worker_ended": ended, **outcome}


def kill_broker(session, sizes):
    """Kill the broker or the database of the queue with SIGKILL while a task runs and others wait. Start it again."""
    if not (server := server_of_the_queue(session)):
        return None
    waiting = [new_key("waiting") for _ in range(3)]

    def act(process):
        for key in waiting:
            session.enqueue("empty", key)
        if hasattr(server, "has_written"):
            with suppress(TimeoutError):
                wait_for(lambda: all(map(server.has_written, waiting)), "the broker to write its files", 10)
        restart(server)

    also = []
    if session.workers and not session.options.defaults:  # two tasks hold the workers, so that the others wait
        also.append(new_key("hold"))
    outcome = held(session, sizes, act, also)
    after = new_key("after")
    accepted = False
    with suppress(RuntimeError, OSError, HTTPException):
        session.enqueue("empty", after)
        accepted = True
    later = accepted and happens(session, after, "end", sizes.watch)
    return {
        "server": type(server).__name__,
        **outcome,
        "waiting": len(waiting),
        "waiting_done": sum(bool(session.seen(key, "end")) for key in waiting),
        "next_click_accepted": accepted,
        "next_task_done": later,
    }


def restart(server):
    server.process.kill()
    server.process.start()
    server.wait()


def held(session, sizes, act, also=()):
    """Enqueue a task that runs until we let it end. Act in its middle, let it end, and watch what happens."""
    key = new_key("hold")
    id, _ = session.enqueue("hold", key)
    pid, _ = session.wait_for(key, "start")
    running = session.state(id)
    for each in also:  # unless a worker has fetched both tasks, and runs one after the other
        session.enqueue("hold", each)
        happens(session, each, "start", sizes.soon)
    act(psutil.Process(pid))
    acted = time.monotonic()
    for each in (key, *also):
        session.release(each)
    state = None
    while time.monotonic() - acted < sizes.watch:
        session.restart_ended()
        if session.seen(key, "end"):
            break
        with suppress(OSError, HTTPException, ValueError):
            state = session.state(id)
        if state and any(word in state.lower() for word in FINAL):
            break
        time.sleep(0.2)
    ended = session.seen(key, "end")
    with suppress(OSError, HTTPException, ValueError):
        state = state_after(session, id, running) if ended else session.state(id)
    starts = session.seen(key, "start")
    return {
        "outcome": outcome_of(len(starts), len(ended), state),
        "seconds": (ended[0][2] if ended else time.monotonic()) - acted,
        "starts": len(starts),
        "ends": len(ended),
        "state": state,
    }


def outcome_of(starts, ends, state):
    if ends:
        return "finished" if starts == 1 else "run again"
    if state and any(word in state.lower() for word in FINAL):
        return "failed"
    return "not run again"


def once(session, sizes):
    """Start the workers a second time, and run many tasks. How often does each run?"""
    count = sizes.few if starts_processes(session) else sizes.once
    first = session.workers
    session.start_workers()
    session.workers += first
    key = new_key("once")
    session.enqueue("empty", key, count=count)
    keys = [f"{key}-{number}" for number in range(count)]
    with suppress(TimeoutError):
        wait_for(lambda: all(each in session.events() for each in keys), "all tasks", 120)
    time.sleep(sizes.soon)  # for tasks that run a second time
    runs = [len(session.seen(each, "start")) for each in keys]
    return {
        "tasks": count,
        "not_run": runs.count(0),
        "run_once": runs.count(1),
        "run_more_often": sum(number > 1 for number in runs),
        "processes": len({event[1] for each in keys for event in session.seen(each, "start")}),
    }


def finished(session, sizes):
    """Put many finished tasks into the runner's table. Does the next task start later?"""
    if not hasattr(session.runner, "FINISHED"):
        return None
    before = [one(session, "empty") for _ in range(sizes.clicks)]
    session.manage("copy_finished", sizes.finished)
    one(session, "empty")
    after = [one(session, "empty") for _ in range(sizes.clicks)]
    return {"rows": sizes.finished, "before": before, "after": after}


# Our export job


def exports(session, sizes):
    """Run the export job of step 11, and break something in its middle. Does each export end exactly once?

    The reaper runs each second. `seconds` is from the fault until the export and its email are done.
    """
    server = server_of_the_queue(session)
    faults = {
        "nothing": lambda process: None,
        "kill_process": lambda process: kill([process]),
        "kill_worker": lambda process: kill_all(session),
        "stop": lambda process: deploy(session, sizes),
        **({"kill_broker": lambda process: restart(server)} if server else {}),
    }
    found = {fault: one_export(session, sizes, act) for fault, act in faults.items()}
    watch(session, 2 * sizes.lease, lambda: False)  # a second file or email would come now
    return {fault: {**session.state(id), "seconds": seconds} for fault, (id, seconds) in found.items()}


def deploy(session, sizes):
    """Stop the worker as its documentation recommends. Return when it has ended, or waits for its task."""
    asked = session.workers or [session.site]
    for each in asked:
        each.popen.send_signal(stop_signal(session))
    with suppress(TimeoutError):
        wait_for(lambda: not any(each.runs() for each in asked), "the end of the worker", sizes.soon)


def one_export(session, sizes, act):
    """Return the id of the export, and the seconds from the fault until it has ended, or None."""
    id, _ = session.enqueue("export", new_key("export"))
    if not watch(session, 60, lambda: session.seen(id, "start")):
        raise TimeoutError("The export has not started.")
    acted = time.monotonic()
    act(psutil.Process(session.seen(id, "start")[0][1]))
    session.release(id)
    ended = watch(session, 3 * sizes.watch, lambda: session.state(id)["settled"])
    return id, time.monotonic() - acted if ended else None


def watch(session, seconds, condition):
    """Run the reaper and restart what has ended, until the condition is true. Return whether it is."""
    began, reaped = time.monotonic(), 0.0
    while time.monotonic() - began < seconds:
        with suppress(OSError, HTTPException, ValueError, TypeError):  # the site or its database starts again
            session.restart_ended()
            if condition():
                return True
            if time.monotonic() - reaped > 1:
                reaped = time.monotonic()
                session.get("/reap/")
        time.sleep(0.1)
    return False


# Helpers


def new_key(kind):
    return f"{kind}_{random.getrandbits(40):010x}"


def happens(session, key, event, seconds):
    with suppress(TimeoutError):
        session.wait_for(key, event, seconds)
        return True
    return False


def difference(after, before):
    return {part: after[part] - before[part] for part in after}


def server_of_the_queue(session):
    """Return the broker, or the database if the queue is in it, or None if no server has the queue."""
    if broker := session.servers.get(getattr(session.runner, "BROKER", None)):
        return broker
    return session.servers.get("postgresql") if hasattr(session.runner, "FINISHED") else None


def starts_processes(session):
    return getattr(session.runner, "STARTS_PROCESSES", False)


def stop_signal(session):
    return getattr(session.runner, "STOP", signal.SIGTERM)


# One runner at a time, in each round
SPEED = {"latency": latency, "burst": burst}
# One runner at a time, in the first round, because they take long
LONG = {"large_burst": large_burst, "empty": empty, "finished": finished}
# One runner at a time, in the first round, with the defaults of the package
DEFAULTS = {"defaults": defaults}
# One runner at a time, in each round, and only those with their queue in the database
NEW = {"new_connections": connections}
# The same, with another CONN_MAX_AGE
KEPT = {"kept_connections": connections}
# All runners at the same time, because an idle runner needs little
IDLE = {"idle": idle}
# Several runners at the same time, in the first round
ONCE = {"transaction": transaction, "failure": failure, "once": once}
# Several runners at the same time, in each round
OUTCOMES = {"kill_broker": kill_broker, "stop": stop, "sigterm": sigterm}
# The same, with a short lease
KILLS = {"kill_process": kill_process, "kill_worker": kill_worker}
# The same with each backend of Django Tasks
EXPORTS = {"exports": exports}
MEASUREMENTS = {**SPEED, **LONG, **DEFAULTS, **NEW, **KEPT, **IDLE, **ONCE, **OUTCOMES, **KILLS, **EXPORTS}
