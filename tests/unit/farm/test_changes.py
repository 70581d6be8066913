# SPDX-License-Identifier: GPL-3.0-or-later
"""What people do to jobs on this machine: what was canceled or failed can come again."""

import json

import pytest

from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.farm import books, changes
from tests.unit.local_site import Site, name


def test_a_canceled_job_is_out_of_the_queue_and_its_task_in_hand_does_not_come_again(site: Site) -> None:
    site.add("job", 3)
    hands = site.worker()
    delivery = hands.take()
    with site.database.changing() as connection:
        changes.cancel(connection, "job")
    assert site.left() == 1
    hands.queue.requeue(delivery)
    hands.settled()
    assert site.left() == 0
    assert (site.job("job").status, dict(site.job("job").frames)) == ("Canceled", {"Aborted": 3})


@pytest.mark.parametrize("frames", [None, [1]])
def test_a_task_that_a_worker_gives_up_when_its_job_was_queued_again_already_comes_again(
    site: Site, frames: list[int] | None
) -> None:
    site.add("job", 1)
    hands = site.worker()
    delivery = hands.take()
    with site.database.changing() as connection:
        changes.cancel(connection, "job")
        assert changes.retry(connection, "job", frames) == 1
        assert changes.retry(connection, "job", frames) == 0
    hands.report(delivery, "abort", status="Aborted")
    hands.queue.ack(delivery)
    again = hands.take()
    assert name(again) == "job-1"
    assert (site.job("job").status, dict(site.job("job").frames)) == ("Queued", {"Waiting": 1})
    hands.report(again, "finish", status="Finished")
    assert site.job("job").status == "Finished"


def test_what_failed_can_be_queued_again(site: Site) -> None:
    site.add("job", 2)
    hands = site.worker()
    for status in ("Errored", "Finished"):
        delivery = hands.take()
        hands.report(delivery, "any", status=status, data={"error": "no such texture"})
        hands.queue.reject(delivery)
    hands.settled()
    assert site.job("job").status == "Errored"
    with site.database.changing() as connection:
        assert books.failures(connection, "job", most=9) == [books.Failure("1", "no such texture", "w")]
        assert changes.retry(connection, "job") == 1
        assert changes.retry(connection, "job") == 0
    again = hands.take()
    assert name(again) == "job-1"
    assert json.loads(again.body)["data"] == {"name": "scene"}
    assert (site.job("job").status, again.redelivered) == ("Running", False)


def test_what_is_rendered_already_is_not_counted_as_rendered_again(site: Site) -> None:
    """Its worker has told so, and still has its message."""
    site.add("job", 3)
    hands = site.worker(prefetch=2)
    rendered, _ = hands.take(), hands.take()
    hands.report(rendered, "finish", status="Finished")
    with site.database.changing() as connection:
        changes.cancel(connection, "job")
        assert changes.retry(connection, "job", [1]) == 0
        changes.cancel(connection, "job")
        assert changes.retry(connection, "job", [1, 3]) == 1
        changes.cancel(connection, "job")
        assert changes.retry(connection, "job") == 2
    assert dict(site.job("job").frames) == {"Finished": 1, "Waiting": 2}


def test_a_canceled_job_stays_so_where_none_of_the_frames_is_to_be_rendered_again(site: Site) -> None:
    site.add("job", 3)
    hands = site.worker()
    delivery = hands.take()
    hands.report(delivery, "finish", status="Finished")
    hands.queue.consume(0)
    hands.queue.ack(delivery)
    hands.settled()
    with site.database.changing() as connection:
        changes.cancel(connection, "job")
    before = site.job("job")
    with site.database.changing() as connection:
        assert changes.retry(connection, "job", [1]) == 0
        assert changes.retry(connection, "job", [9]) == 0
        assert connection.execute("SELECT canceled FROM job").fetchone() == (1,)
    assert site.job("job") == before


def test_a_canceled_job_of_which_only_some_is_rendered_again_is_not_finished_then(site: Site) -> None:
    site.add("job", 3)
    with site.database.changing() as connection:
        changes.cancel(connection, "job")
        assert changes.retry(connection, "job", [2]) == 1
    assert site.job("job").status == "Running"
    hands = site.worker()
    delivery = hands.take()
    hands.report(delivery, "finish", status="Finished")
    hands.queue.ack(delivery)
    hands.settled()
    assert (site.job("job").status, dict(site.job("job").frames)) == ("Canceled", {"Finished": 1, "Aborted": 2})
    with site.database.changing() as connection:
        assert changes.retry(connection, "job") == 2
    assert site.job("job").status == "Running"


def test_what_failed_is_queued_again_with_its_job_s_priority(site: Site) -> None:
    site.add("urgent", 1, priority=9)
    hands = site.worker()
    delivery = hands.take()
    hands.report(delivery, "error", status="Errored")
    hands.queue.consume(0)
    hands.queue.reject(delivery)
    hands.settled()
    site.add("idle", 1)
    with site.database.changing() as connection:
        assert changes.retry(connection, "urgent") == 1
    hands.queue.consume(1)
    assert name(hands.take()) == "urgent-1"


@pytest.mark.parametrize(("step", "status"), [("error", "Errored"), ("abort", "Aborted")])
def test_what_failed_is_not_lost_when_it_is_queued_again_before_its_message_is_gone(
    site: Site, step: str, status: str
) -> None:
    site.add("job", 1)
    hands = site.worker()
    delivery = hands.take()
    hands.report(delivery, step, status=status)
    with site.database.changing() as connection:
        assert changes.retry(connection, "job") == 0
    hands.queue.reject(delivery)
    hands.settled()
    with site.database.changing() as connection:
        changes.retry(connection, "job")
        assert changes.retry(connection, "job") == 0
    assert name(hands.take()) == "job-1"


def test_a_job_of_an_id_that_exists_is_refused_and_nothing_of_it_is_queued(site: Site) -> None:
    site.add("job", 1)
    (site.folder / "jobs" / "job").rmdir()
    for alike in ("job", "Job"):  # Windows and macOS would take their folders for one
        with pytest.raises(FarmError, match="there is a job job already"):
            site.add(alike, 5)
        (site.folder / "jobs" / alike).rmdir()
    assert site.left() == 1
