# SPDX-License-Identifier: GPL-3.0-or-later
"""CircuitBreaker: what ends its worker is not begun for ever, a job that fails here in a row is left to others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bender_worker_addon.core.in_flight import InFlight
from bender_worker_addon.core.task import Task
from bender_worker_addon.worker.life.circuit_breaker import CircuitBreaker
from bender_worker_addon.worker.state.journal import Journal
from tests.unit.conftest import StartFarm
from tests.unit.support import Farm, message


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def breaker(journal: Journal) -> CircuitBreaker:
    return CircuitBreaker(journal=journal)


def held() -> InFlight:
    return InFlight(Task.from_json(message()), [], redelivered=True)


def test_a_task_that_ended_three_runs_is_hopeless(journal: Journal) -> None:
    for _ in range(3):
        assert CircuitBreaker(journal=journal).why_hopeless(held()) == ""
        CircuitBreaker(journal=journal).task_begins(held())
    assert "ended 3 times" in CircuitBreaker(journal=journal).why_hopeless(held())


def test_a_task_that_is_tried_again_in_one_run_counts_once(breaker: CircuitBreaker) -> None:
    task = held()
    breaker.task_begins(task)
    task.started_at = 1.0
    for _ in range(5):
        breaker.task_begins(task)
    assert breaker.why_hopeless(task) == ""


def test_a_task_that_ended_here_is_not_held_against(breaker: CircuitBreaker) -> None:
    for _ in range(5):
        breaker.task_begins(held())
        breaker.task_ended(held())
    assert breaker.why_hopeless(held()) == ""


def test_a_job_is_avoided_after_three_failures_in_a_row_and_for_a_while(journal: Journal) -> None:
    now = [100.0]
    breaker = CircuitBreaker(journal=journal, clock=lambda: now[0])
    for _ in range(2):
        breaker.job_failed("a")
    breaker.job_succeeded("a")
    for _ in range(2):
        breaker.job_failed("a")
    breaker.job_failed("b")
    assert not breaker.is_open_for("a")
    breaker.job_failed("a")
    assert breaker.is_open_for("a")
    assert not breaker.is_open_for("b")
    now[0] += 301
    assert not breaker.is_open_for("a")
    breaker.job_failed("a")
    assert breaker.is_open_for("a")
    breaker.job_succeeded("a")
    assert not breaker.is_open_for("a")


def test_a_task_that_ends_its_worker_is_rejected_in_the_end(start_farm: StartFarm) -> None:
    for run in range(3):
        farm = start_farm()
        farm.add(wait={1: farm.gate()})
        farm.broker.deliver(message(), redelivered=run > 0)
        farm.until(lambda farm=farm: "start" in farm.broker.history)  # type: ignore[misc]
        farm.worker.close()
    farm = start_farm()
    farm.broker.deliver(message(), redelivered=True)
    farm.until_settled()
    assert farm.broker.settled == [("rejected", 1)]
    (error,) = farm.broker.tasks("error")
    assert "ended 3 times" in error["data"]["error"]


def test_a_job_that_fails_here_is_left_to_others_and_other_jobs_are_rendered(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bender_worker_addon.worker.life.receive._AVOIDED_FOR", 0.2)
    farm.add("bad", die=[1])
    farm.add("good")
    for number in range(3):
        farm.broker.deliver(message(f"bad-{number}", job="bad"))
        farm.until_settled(number + 1)
    tries = len(farm.renders())
    farm.broker.deliver(message("bad-3", job="bad"))
    farm.broker.deliver(message("good", job="good", frames=[2]))
    farm.until_settled(5)
    assert farm.broker.aside == [4]
    expected = {("requeued", 1), ("requeued", 2), ("requeued", 3), ("requeued", 4), ("ack", 5)}
    assert set(farm.broker.settled) == expected
    assert len(farm.renders()) == tries + 1
    assert len(farm.broker.tasks("error")) == 3
