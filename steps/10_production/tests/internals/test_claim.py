"""`Export.claim()` in two processes that both saw it waiting."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from exports.models import Export

pytestmark = pytest.mark.django_db


def test_who_comes_too_late_can_change_nothing():
    Export.objects.create(owner=User.objects.create_user("reader"))
    first, late = Export.objects.get(), Export.objects.get()
    assert first.claim() and not late.claim()
    assert not late.fail("I thought it was mine.") and not late.release()
    late.refresh_from_db()
    assert (late.state, late.attempt, late.error) == ("running", 1, "")
    assert first.fail("It was mine.")


def test_who_takes_over_lives_from_that_moment_on():
    Export.objects.create(owner=User.objects.create_user("reader"))
    dead = timezone.now() - timedelta(hours=1)
    Export.objects.update(state="running", attempt=1, heartbeat_at=dead)
    first = Export.objects.get()
    assert first.claim() and first.attempt == 2
    assert not Export.objects.get().claim()
