"""Ways to run the job from a view. All but Popen have problems."""

import asyncio
import subprocess
import sys
import threading

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.urls import path

from exports.job import send_export

COMMAND = [sys.executable, settings.BASE_DIR / "manage.py", "send_export", "--to=reader@example.com"]


def with_call_command(request):
    call_command("send_export", "--to=reader@example.com")
    return HttpResponse(status=202)


def with_subprocess_run(request):
    subprocess.run(COMMAND)
    return HttpResponse(status=202)


def with_thread(request):
    threading.Thread(target=send_export, args=["reader@example.com", {}]).start()
    return HttpResponse(status=202)


def with_daemon_thread(request):
    threading.Thread(target=send_export, args=["reader@example.com", {}], daemon=True).start()
    return HttpResponse(status=202)


async def with_create_task(request):
    request.task = asyncio.create_task(job_with_asyncio())
    return HttpResponse(status=202)


async def job_with_asyncio():
    """A job that waits for a mail server that never answers."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        print("The job was cancelled.", file=sys.stderr, flush=True)
        raise


def with_popen(request):
    subprocess.Popen(COMMAND, stdin=subprocess.DEVNULL, start_new_session=True)
    return HttpResponse(status=202)


def session_of_a_thread(request):
    """Query the database in a thread, and return the id of the PostgreSQL session when the thread has ended."""
    sessions = []

    def query():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            sessions.extend(cursor.fetchone())

    thread = threading.Thread(target=query)
    thread.start()
    thread.join()
    return HttpResponse(*sessions)


urlpatterns = [
    path("books/", lambda request: HttpResponse()),
    path("call_command/", with_call_command),
    path("run/", with_subprocess_run),
    path("thread/", with_thread),
    path("daemon/", with_daemon_thread),
    path("create_task/", with_create_task),
    path("popen/", with_popen),
    path("session/", session_of_a_thread),
]
