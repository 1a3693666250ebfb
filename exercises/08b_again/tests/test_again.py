"""Exercise 08b: what has failed is started again."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from exports import runners
from exports.models import Export

pytestmark = pytest.mark.django_db(transaction=True)


class Recorder:
    """A runner that starts nothing, and knows in which state each export was handed to it."""

    def __init__(self):
        self.started, self.away = [], False

    def start(self, export):
        if self.away:
            raise ConnectionError("no broker")
        self.started.append((export.pk, Export.objects.get(pk=export.pk).state))


@pytest.fixture
def runner(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(runners, "chosen", lambda: recorder)
    return recorder


def new_export(state="failed", owner="reader"):
    owner = User.objects.get_or_create(username=owner)[0]
    facts = {"error": "The file could not be stored: refused.", "attempt": 5, "finished_at": timezone.now()}
    return Export.objects.create(owner=owner, state=state, **(facts if state == "failed" else {}))


def retry(*arguments):
    output = StringIO()
    call_command("retry_exports", *arguments, stdout=output)
    return output.getvalue().splitlines()[-1]


def test_what_has_failed_is_started_again(runner):
    exports = [new_export(), new_export()]
    assert retry() == "2 exports were started again."
    assert sorted(runner.started) == sorted((export.pk, "waiting") for export in exports)
    row = Export.objects.get(pk=exports[0].pk)
    assert (row.state, row.error, row.attempt, row.finished_at, row.mail_claimed_at) == ("waiting", "", 0, None, None)
    assert retry() == "0 exports were started again."


def test_others_stay_as_they_are(runner):
    others = [new_export(state) for state in ("waiting", "running", "done")]
    failed = new_export()
    assert retry() == "1 exports were started again."
    assert [pk for pk, _ in runner.started] == [failed.pk]
    assert [Export.objects.get(pk=other.pk).state for other in others] == ["waiting", "running", "done"]


def test_of_one_owner(runner):
    new_export(owner="other")
    mine = new_export()
    assert retry("--owner=reader") == "1 exports were started again."
    assert [pk for pk, _ in runner.started] == [mine.pk]
    with pytest.raises(CommandError):
        retry("--owner=nobody")


def test_a_broker_that_is_away_is_one_line(runner):
    export = new_export()
    runner.away = True
    with pytest.raises(CommandError) as said:
        retry()
    assert len(str(said.value).splitlines()) == 1
    assert Export.objects.get(pk=export.pk).state == "failed"
    runner.away = False
    assert retry() == "1 exports were started again."
