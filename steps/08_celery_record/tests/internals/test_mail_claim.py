"""`Export.claim_mail()` in two processes, one of which cannot read the file."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from exports import delivery
from exports.models import Export
from exports.retry import Again


@pytest.mark.django_db
def test_who_did_not_begin_a_mail_leaves_it_to_who_did(monkeypatch):
    owner = User.objects.create_user("reader", "reader@example.com")
    Export.objects.create(owner=owner, state="done", finished_at=timezone.now())
    first, late = Export.objects.get(), Export.objects.get()
    assert first.claim_mail()

    def message(export):
        raise OSError("The storage is away.")

    monkeypatch.setattr(delivery, "message", message)
    with pytest.raises(Again):
        delivery.deliver(late, retry=True)
    delivery.deliver(late)
    first.refresh_from_db()
    assert first.mail_claimed_at and first.mail_error == ""
