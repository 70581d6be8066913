# SPDX-License-Identifier: GPL-3.0-or-later
"""Reporter: reports leave in the order they were made, again if need be; what waits for one waits for the broker."""

from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from bender_worker_addon.core.task import Task
from bender_worker_addon.worker.life.reporter import Reporter
from bender_worker_addon.worker.state.journal import Journal
from tests.unit.support import StandInBroker, message

TASK = Task.from_json(message())


@pytest.fixture
def broker() -> StandInBroker:
    return StandInBroker(url="", worker_id="w1", inbox=SimpleQueue(), confirms=False)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def bookkeeper(journal: Journal, broker: StandInBroker) -> Reporter:
    return Reporter(journal=journal, queue=broker, worker_id="w1")


def go_online(bookkeeper: Reporter, broker: StandInBroker) -> None:
    broker.connect()
    bookkeeper.connected(broker.session)


def test_reports_made_without_a_connection_leave_first_and_in_order(
    bookkeeper: Reporter, broker: StandInBroker
) -> None:
    for step in ("receive", "construct", "blend"):
        bookkeeper.report(step, TASK)
    assert broker.history == []
    go_online(bookkeeper, broker)
    bookkeeper.report("start", TASK)
    assert broker.history == ["receive", "construct", "blend", "start"]


def test_a_report_goes_to_the_worker_and_a_change_of_frames_to_the_job(
    bookkeeper: Reporter, broker: StandInBroker
) -> None:
    go_online(bookkeeper, broker)
    bookkeeper.report("finish", TASK)
    bookkeeper.report("stat", TASK)
    assert broker.reports == [("finish.w1", TASK.to_json()), ("stat.job-1", TASK.to_json())]


def test_what_is_to_follow_follows_the_confirmation_once(
    bookkeeper: Reporter, broker: StandInBroker, journal: Journal
) -> None:
    done: list[str] = []
    go_online(bookkeeper, broker)
    bookkeeper.report("finish", TASK, then=lambda: done.append("ack"))
    assert (done, bookkeeper.has_waiting) == ([], True)
    (report,) = journal.unconfirmed_reports()
    bookkeeper.confirmed([report.id])
    bookkeeper.confirmed([report.id])
    assert (done, bookkeeper.has_waiting) == (["ack"], False)
    assert journal.unconfirmed_reports() == []


def test_what_one_session_did_not_confirm_the_next_one_gets_again(
    bookkeeper: Reporter, broker: StandInBroker, journal: Journal
) -> None:
    done: list[str] = []
    go_online(bookkeeper, broker)
    bookkeeper.report("start", TASK)
    bookkeeper.report("finish", TASK, then=lambda: done.append("ack"))
    bookkeeper.confirmed([journal.unconfirmed_reports()[0].id])
    broker.disconnect()
    bookkeeper.disconnected()
    assert bookkeeper.has_waiting is False
    broker.history.clear()
    go_online(bookkeeper, broker)
    assert (broker.history, bookkeeper.has_waiting) == (["finish"], True)
    bookkeeper.confirmed([journal.unconfirmed_reports()[0].id])
    assert done == ["ack"]


def test_a_report_for_a_session_that_just_ended_is_kept(
    bookkeeper: Reporter, broker: StandInBroker, journal: Journal
) -> None:
    go_online(bookkeeper, broker)
    broker.disconnect()
    bookkeeper.report("finish", TASK)
    assert broker.history == []
    assert len(journal.unconfirmed_reports()) == 1


def test_reports_of_an_earlier_run_leave_before_those_of_this_one(
    bookkeeper: Reporter, broker: StandInBroker, journal: Journal
) -> None:
    bookkeeper.report("start", TASK)
    next_run = Reporter(journal=journal, queue=broker, worker_id="w1")
    next_run.report("receive", TASK)
    go_online(next_run, broker)
    assert broker.history == ["start", "receive"]
    for report in journal.unconfirmed_reports():
        next_run.confirmed([report.id])


def test_a_message_that_is_no_task_is_reported_as_rejected(bookkeeper: Reporter, broker: StandInBroker) -> None:
    done: list[str] = []
    go_online(bookkeeper, broker)
    bookkeeper.report_unreadable(b"nonsense", "why", then=lambda: done.append("rejected"))
    ((key, body),) = broker.reports
    assert key == "reject.w1"
    assert b"nonsense" in body
    assert done == []


def test_a_sign_of_life_is_empty_and_never_kept(bookkeeper: Reporter, broker: StandInBroker, journal: Journal) -> None:
    bookkeeper.beat()
    go_online(bookkeeper, broker)
    broker.reports.clear()
    bookkeeper.beat()
    assert broker.reports == [("heart.w1", b"")]
    assert journal.unconfirmed_reports() == []
