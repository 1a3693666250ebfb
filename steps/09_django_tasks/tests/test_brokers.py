"""What becomes of a task whose process is killed: the broker and two options decide. On real brokers."""

import pytest

from tests.brokers import rabbitmq, redis
from tests.servers import smtp, wait_for
from tests.workers import with_celery, with_options, worker

pytestmark = [pytest.mark.server, pytest.mark.services]

EARLY = {"acks_late": False, "reject_on_worker_lost": False}  # Celery's defaults
LATE = {"acks_late": True, "reject_on_worker_lost": False}
FEW = {"genre": "novel", "published_from": "2024-01-01"}  # books of a quick export


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture(scope="session")
def virtual_hosts():
    with rabbitmq() as urls:
        yield urls


@pytest.fixture
def amqp(virtual_hosts):
    return next(virtual_hosts)


def begun(library, reader):
    """The id of a large export that a worker has begun."""
    export_id = reader.export()
    wait_for(lambda: library.row(export_id)["rows_done"], "the first books")
    return export_id


def is_lost(library, reader, celery, export_id):
    """Whether a later export is done, and the earlier was not delivered again (it would have come first)."""
    before = celery.said("] received")
    assert reader.wait_for_end(reader.export(**FEW)) == "done"
    row = library.row(export_id)
    return (row["state"], row["attempt"], celery.said("] received")) == ("running", 1, before + 1)


def an_hour_passes(broker):
    """For the tasks that Redis has given to a worker and not heard of since: it keeps the times in `unacked_index`."""
    from redis import Redis

    with Redis.from_url(broker) as client:
        wait_for(lambda: client.zcard("unacked_index") == 1, "the later task to be heard of")
        for task in client.zrange("unacked_index", 0, -1):
            client.zincrby("unacked_index", -3601, task)


@pytest.mark.parametrize(
    "options, again", [slow(EARLY, False), slow(LATE, False), ({}, True)], ids=["early", "late", "ours"]
)
def test_trap_a_task_whose_child_is_killed_runs_again_only_with_both_options(large_library, amqp, options, again):
    with with_celery(large_library, amqp).site() as site, large_library.reader(site) as reader:
        with worker(large_library, **with_options(**options)) as celery:
            export_id = begun(large_library, reader)
            celery.child().kill()
            wait_for(lambda: celery.said("WorkerLostError"), "the worker to see it")
            if again:
                assert reader.wait_for_end(export_id) == "done"
                assert large_library.row(export_id)["attempt"] == 2
            else:
                assert is_lost(large_library, reader, celery, export_id)
            assert len(large_library.files()) == 1


@pytest.mark.parametrize(
    "options, again", [(EARLY, False), slow(LATE, True), slow({}, True)], ids=["early", "late", "ours"]
)
def test_trap_a_task_whose_worker_is_killed_is_lost_when_it_was_acknowledged_early(large_library, amqp, options, again):
    # With this lease the second delivery finds it running, and has to come again.
    with with_celery(large_library, amqp, EXPORT_LEASE="8").site() as site, large_library.reader(site) as reader:
        with worker(large_library, **with_options(**options)) as killed:
            export_id = begun(large_library, reader)
            killed.kill()
        with worker(large_library, **with_options(**options)) as celery:
            if again:
                assert reader.wait_for_end(export_id) == "done"
                assert large_library.row(export_id)["attempt"] == 2
            else:
                assert is_lost(large_library, reader, celery, export_id)


def test_trap_redis_gives_a_killed_workers_task_to_another_only_after_its_visibility_timeout(large_library):
    with redis() as broker, with_celery(large_library, broker, CELERY_VISIBILITY_TIMEOUT="3600").site() as site:
        with large_library.reader(site) as reader:
            with worker(large_library, **with_options()) as killed:
                export_id = begun(large_library, reader)
                killed.kill()
            with worker(large_library, **with_options()) as celery:
                assert is_lost(large_library, reader, celery, export_id), "it came sooner"
                an_hour_passes(broker)
                assert reader.wait_for_end(export_id) == "done"
                assert large_library.row(export_id)["attempt"] == 2


@pytest.mark.parametrize("options", [EARLY, slow({})], ids=["early", "ours"])
def test_trap_the_file_system_gives_a_killed_workers_task_to_nobody(large_library, options):
    with with_celery(large_library).site() as site, large_library.reader(site) as reader:
        with worker(large_library, **with_options(**options)) as killed:
            export_id = begun(large_library, reader)
            killed.kill()
        with worker(large_library, **with_options(**options)) as celery:
            assert is_lost(large_library, reader, celery, export_id)


def test_trap_redis_delivers_a_task_again_that_takes_longer_than_the_visibility_timeout_and_the_lease_makes_it_once(
    large_library,
):
    with redis() as broker, smtp() as (large_library.mail_server, mails):
        with_celery(large_library, broker, CELERY_VISIBILITY_TIMEOUT="1", EXPORT_LEASE="60")
        with large_library.site() as site, large_library.reader(site) as reader:
            with worker(large_library, **with_options()) as busy:
                export_id = begun(large_library, reader)
                busy.child().suspend()  # a very large one
                with worker(large_library, **with_options()) as other:
                    wait_for(lambda: other.said("nothing to do"), "a second delivery")
                    assert reader.state(export_id) == "running"
                    busy.child().resume()
                    assert reader.wait_for_end(export_id) == "done"
                    wait_for(lambda: mails, "its mail")
        assert large_library.row(export_id)["attempt"] == 1
        assert len(large_library.files()) == len(mails) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "prefetch, state", [({"PREFETCH": "4"}, "waiting"), ({}, "done")], ids=["Celery's default", "ours"]
)
def test_trap_a_worker_holds_back_short_tasks_while_another_has_nothing_to_do(large_library, amqp, prefetch, state):
    options = with_options() | prefetch
    with with_celery(large_library, amqp, EXPORT_LEASE="60").site() as site, large_library.reader(site) as reader:
        with worker(large_library, **options) as busy:
            large = begun(large_library, reader)
            busy.child().suspend()  # a very large one
            held = [reader.export(**FEW, q=letter) for letter in "aeo"]
            wait_for(lambda: busy.said("] received") == (4 if prefetch else 1), "what it takes")
            with worker(large_library, **options):
                assert reader.wait_for_end(reader.export(**FEW)) == "done"
                assert {reader.state(export_id) for export_id in held} == {state}
                busy.child().resume()
                assert {reader.wait_for_end(export_id) for export_id in [large, *held]} == {"done"}
