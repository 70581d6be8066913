# SPDX-License-Identifier: GPL-3.0-or-later
"""The local queue's books: what is reported is in them and in data.json; what was canceled or failed can come again."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.farm import books
from tests.unit.local_site import Site, name
from tests.unit.support import DEADLINE


def test_what_is_reported_is_in_the_books_and_in_data_json(site: Site) -> None:
    site.add("job", 2)
    hands = site.worker(prefetch=2)
    first, second = hands.take(), hands.take()
    hands.report(first, "start", status="Running")
    assert (site.job("job").status, dict(site.job("job").frames)) == ("Running", {"Running": 1, "Waiting": 1})
    for delivery in (first, second):
        hands.report(delivery, "finish", status="Finished")
        hands.queue.ack(delivery)
    hands.queue.close(timeout=DEADLINE)
    assert site.job("job").status == "Finished"
    data = site.data_json("job")
    assert data["status"] == {"Job": "Finished"}
    assert [task["status"] for task in data["tasks"]] == ["Finished", "Finished"]
    assert data["paths"] == {"blend": "scene.blend"}
    assert [path.name for path in (site.folder / "jobs" / "job").iterdir()] == ["data.json"]


def test_a_job_that_is_over_is_written_without_waiting_for_its_turn(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bender_worker_addon.farm.job_files._EVERY", 3600.0)
    site.add("job", 1)
    hands = site.worker()
    delivery = hands.take()
    hands.report(delivery, "start", status="Running")
    _until(lambda: site.data_json("job")["status"] == {"Job": "Running"})
    hands.report(delivery, "finish", status="Finished")
    _until(lambda: site.data_json("job")["status"] == {"Job": "Finished"})


def test_data_json_never_goes_back_to_what_it_was(site: Site) -> None:
    """Of two processes that write, one with an older state comes last."""
    site.add("job", 1)
    with site.database.changing() as connection:
        connection.execute("UPDATE job SET changes = 5, written = 7")
    hands = site.worker()
    hands.settled()
    assert not (site.folder / "jobs" / "job" / "data.json").exists()


def test_what_one_left_half_written_is_gone_when_it_is_written_again(site: Site) -> None:
    """As one does that is killed."""
    site.add("job", 1)
    folder = site.folder / "jobs" / "job"
    (folder / ".data.json").write_text('{"half": ')
    hands = site.worker()
    hands.report(hands.take(), "start", status="Running")
    _until(lambda: site.data_json("job")["status"] == {"Job": "Running"})
    _until(lambda: [path.name for path in folder.iterdir()] == ["data.json"])


def test_tasks_come_while_somebody_writes_a_job_s_file_for_long(site: Site) -> None:
    site.add("job", 3)
    hands = site.worker()
    with closing(sqlite3.connect(site.folder / "writing.lock")) as writing:
        writing.execute("BEGIN EXCLUSIVE")
        for _ in range(3):
            delivery = hands.take()
            hands.report(delivery, "finish", status="Finished")
            hands.queue.ack(delivery)
        hands.settled()
        assert site.left() == 0
        assert not (site.folder / "jobs" / "job" / "data.json").exists()
    _until(lambda: site.data_json("job")["status"] == {"Job": "Finished"})


def test_a_job_whose_folder_is_gone_disturbs_nobody(site: Site) -> None:
    site.add("job", 1)
    (site.folder / "jobs" / "job").rmdir()
    hands = site.worker()
    delivery = hands.take()
    hands.report(delivery, "finish", status="Finished")
    hands.queue.ack(delivery)
    hands.settled()
    assert site.left() == 0


def test_a_canceled_job_is_out_of_the_queue_and_its_task_in_hand_does_not_come_again(site: Site) -> None:
    site.add("job", 3)
    hands = site.worker()
    delivery = hands.take()
    with site.database.changing() as connection:
        books.cancel(connection, "job")
    assert site.left() == 1
    hands.queue.requeue(delivery)
    hands.settled()
    assert site.left() == 0
    assert (site.job("job").status, dict(site.job("job").frames)) == ("Canceled", {"Aborted": 3})


def test_a_task_that_a_worker_gives_up_when_its_job_was_queued_again_already_comes_again(site: Site) -> None:
    site.add("job", 1)
    hands = site.worker()
    delivery = hands.take()
    with site.database.changing() as connection:
        books.cancel(connection, "job")
        assert books.retry(connection, "job") == 1
        assert books.retry(connection, "job") == 0
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
        assert books.retry(connection, "job") == 1
        assert books.retry(connection, "job") == 0
    again = hands.take()
    assert name(again) == "job-1"
    assert json.loads(again.body)["data"] == {"name": "scene"}
    assert (site.job("job").status, again.redelivered) == ("Running", False)


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
        assert books.retry(connection, "urgent") == 1
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
        assert books.retry(connection, "job") == 0
    hands.queue.reject(delivery)
    hands.settled()
    with site.database.changing() as connection:
        books.retry(connection, "job")
        assert books.retry(connection, "job") == 0
    assert name(hands.take()) == "job-1"


def test_a_job_of_an_id_that_exists_is_refused_and_nothing_of_it_is_queued(site: Site) -> None:
    site.add("job", 1)
    (site.folder / "jobs" / "job").rmdir()
    for alike in ("job", "Job"):  # Windows and macOS would take their folders for one
        with pytest.raises(FarmError, match="there is a job job already"):
            site.add(alike, 5)
        (site.folder / "jobs" / alike).rmdir()
    assert site.left() == 1


def _until(true: Callable[[], bool]) -> None:
    """Waits for what nobody announces."""
    deadline = time.monotonic() + DEADLINE
    while not _holds(true):
        assert time.monotonic() < deadline, "it did not come to it"
        time.sleep(0.01)


def _holds(true: Callable[[], bool]) -> bool:
    try:
        return true()
    except FileNotFoundError:
        return False
