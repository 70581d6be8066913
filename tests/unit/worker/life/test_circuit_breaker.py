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
        breaker.job_failed("a", "it failed", frames=1)
    breaker.job_succeeded("a")
    for _ in range(2):
        breaker.job_failed("a", "it failed", frames=1)
    breaker.job_failed("b", "it failed", frames=1)
    assert not breaker.is_open_for("a")
    breaker.job_failed("a", "it failed", frames=1)
    assert breaker.is_open_for("a")
    assert not breaker.is_open_for("b")
    now[0] += 301
    assert not breaker.is_open_for("a")
    breaker.job_failed("a", "it failed", frames=1)
    assert breaker.is_open_for("a")
    breaker.job_succeeded("a")
    assert not breaker.is_open_for("a")


def test_a_job_that_fails_alike_is_stopped_where_there_is_nobody_else(journal: Journal) -> None:
    now = [100.0]
    breaker = CircuitBreaker(journal=journal, clock=lambda: now[0])
    breaker.job_failed("a", "something else", frames=2)
    for number in range(2):
        breaker.job_failed("a", f"frame {number}: 0x7ff{number}: no such texture", frames=2)
    breaker.alone = True
    assert breaker.is_open_for("a")
    assert breaker.why_stopped("a") == ""
    breaker.job_failed("a", "frame 17: 0xabc: no such texture", frames=2)
    words = "Stopped after 6 frames failed in the same way: frame 17: 0xabc: no such texture"
    assert breaker.why_stopped("a") == words
    breaker.alone = False
    assert breaker.why_stopped("a") == ""
    breaker.alone = True
    for _ in range(5):  # as long as more of it comes
        now[0] += 59
        assert breaker.why_stopped("a") == words
    now[0] += 61  # somebody retries it
    assert breaker.why_stopped("a") == ""


def test_on_a_machine_of_its_own_nothing_is_left_to_others_and_nothing_stopped_here(journal: Journal) -> None:
    breaker = CircuitBreaker(journal=journal, here_only=True)
    for _ in range(5):
        breaker.job_failed("a", "it failed", frames=1)
    assert (breaker.is_open_for("a"), breaker.why_stopped("a"), sorted(breaker.failing)) == (False, "", ["a"])


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


def test_what_fails_alike_is_not_tried_on_where_there_is_nobody_else(farm: Farm) -> None:
    """Before, its tasks went round between RabbitMQ and the one worker for five minutes, and again."""
    farm.broker.others = 0
    farm.add("bad", die=range(1, 100))
    farm.add("good")
    for number in range(1, 4):
        farm.broker.deliver(message(f"bad-{number}", job="bad", frames=[number]), redelivered=True)
        farm.until_settled(number)
    tries = len(farm.renders())
    for number in range(4, 40):
        farm.broker.deliver(message(f"bad-{number}", job="bad", frames=[number]))
    farm.broker.deliver(message("good", job="good", frames=[200]))
    farm.until_settled(40)
    assert {how for how, _ in farm.broker.settled} == {"rejected", "ack"}
    assert len(farm.renders()) == tries + 1
    reason = farm.broker.tasks("error")[-1]["data"]["error"]
    assert reason.startswith("Stopped after 3 frames failed in the same way: Blender died")


def test_what_fails_each_time_in_another_way_is_tried_where_there_is_nobody_else(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bender_worker_addon.worker.life.receive._AVOIDED_FOR", 0.2)
    farm.broker.others = 0
    farm.add("bad", die=[1, 3], broken=[2])
    for number in range(1, 5):
        farm.broker.deliver(message(f"bad-{number}", job="bad", frames=[number]), redelivered=True)
        farm.until_settled(number)
    assert farm.broker.settled == [("rejected", 1), ("rejected", 2), ("rejected", 3), ("ack", 4)]
