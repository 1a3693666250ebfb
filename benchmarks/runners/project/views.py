"""What a user's click does: put a job into the queue, and answer."""

import time
from contextlib import suppress

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.http import HttpResponse, JsonResponse

from runners.project import jobs, tasks


def ready(request):
    return HttpResponse("ready")


def run(request, kind, key):
    """Put one job into the queue, or as many as `count` says. Answer with the id of the last one.

    With ?inside=commit or rollback, do so in a transaction that stays open until the benchmark lets the view go on.
    """
    inside = request.GET.get("inside")
    id = None
    with suppress(Rollback):
        if inside:
            with transaction.atomic():
                id = tasks.enqueue(kind, key)
                jobs.note("enqueued", key)
                jobs.hold(f"transaction-{key}")
                if inside == "rollback":
                    raise Rollback
        else:
            for number in range(int(request.GET.get("count", 1))):
                id = tasks.enqueue(kind, f"{key}-{number}" if "count" in request.GET else key)
    return JsonResponse({"id": id, "at": time.monotonic()}, status=202)


def state(request, id):
    try:
        return JsonResponse({"state": tasks.state(id)})
    except ObjectDoesNotExist as error:
        return JsonResponse({"state": f"{type(error).__name__}"})


class Rollback(Exception):
    """Leaves the transaction."""
