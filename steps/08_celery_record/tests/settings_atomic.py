"""This step's settings with each request in a transaction, which waits for what was started in it before it commits.

A process takes longer to start than a request to commit: one that was started too early would be lucky without that.
"""

import psutil
from django.db import transaction

from config.settings import *  # noqa: F403


def in_a_transaction(get_response):
    def middleware(request):
        before = psutil.Process().children()
        with transaction.atomic():
            response = get_response(request)
            started = [each for each in psutil.Process().children() if each not in before]
            psutil.wait_procs(started, timeout=20)
        return response

    return middleware


MIDDLEWARE = ["tests.settings_atomic.in_a_transaction", *MIDDLEWARE]  # noqa: F405
