# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's data.json: what is reported is in it, whoever else writes, and it never goes back."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.unit.local_site import Site
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
