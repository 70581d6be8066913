# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker: lost connections and restarts. What is rendered is rendered once, and what is reported gets there."""

import os
import threading
from pathlib import Path

import pytest

from bender_worker_addon.worker.life.activity import Pause
from tests.unit.conftest import StartFarm
from tests.unit.gates import opened
from tests.unit.support import DEADLINE, Farm, hang_until, message
from tools.servers.blend_server import Answer, Blend, well


def test_a_render_goes_on_without_a_connection_and_the_message_is_adopted_when_it_comes_again(farm: Farm) -> None:
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message())
    farm.until(lambda: "start" in farm.broker.history)
    farm.broker.disconnect()
    farm.broker.connect()
    tag = farm.broker.deliver(message(), redelivered=True)
    farm.until(lambda: farm.worker.inbox.empty())
    opened(gate)
    farm.until_settled()
    assert farm.broker.settled == [("ack", tag)]
    assert len(farm.renders()) == 1
    assert farm.broker.history.count("receive") == 1


def test_what_is_finished_without_a_connection_is_reported_and_acked_later(farm: Farm) -> None:
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message())
    farm.until(lambda: "start" in farm.broker.history)
    farm.broker.disconnect()
    farm.until(lambda: farm.worker.inbox.empty())
    opened(gate)
    farm.until(lambda: farm.frame(1).is_file() and not farm.worker.snapshot().task)
    farm.broker.history.clear()
    farm.broker.connect()
    farm.until(lambda: "finish" in farm.broker.history)
    tag = farm.broker.deliver(message(), redelivered=True)
    farm.until_settled()
    assert farm.broker.history[:2] == ["stat", "finish"]
    assert farm.broker.settled == [("ack", tag)]
    assert len(farm.renders()) == 1


def test_reports_that_were_not_confirmed_are_sent_again_in_their_order(farm: Farm) -> None:
    farm.add()
    farm.broker.confirms = False
    farm.broker.deliver(message())
    farm.until(lambda: "finish" in farm.broker.history)
    farm.broker.disconnect()
    farm.until(lambda: farm.worker.inbox.empty())
    farm.broker.history.clear()
    farm.broker.connect()
    farm.until(lambda: "finish" in farm.broker.history)
    assert farm.broker.history == ["receive", "construct", "blend", "start", "stat", "finish"]


def test_a_task_that_is_not_begun_is_let_go_with_its_connection(farm: Farm) -> None:
    """Its blend is on the way all the while, and comes for the message that came again."""
    gate, on_the_way, may_come = farm.gate(), threading.Event(), threading.Event()

    def held_up(answer: Answer, content: Blend) -> None:
        on_the_way.set()
        assert may_come.wait(DEADLINE)
        well(answer, content)

    farm.add(wait={1: gate})
    farm.add("job-3", behaviour=held_up)
    farm.broker.deliver(message("a"))
    farm.until(lambda: "start" in farm.broker.history)
    farm.broker.deliver(message("b", job="job-3"))
    farm.until(on_the_way.is_set)
    farm.broker.disconnect()
    farm.until(lambda: not farm.worker.snapshot().next_job_id)
    farm.broker.connect()
    farm.broker.deliver(message("b", job="job-3"), redelivered=True)
    farm.broker.deliver(message("a"), redelivered=True)
    farm.until(lambda: farm.worker.inbox.empty())
    may_come.set()
    opened(gate)
    farm.until_settled(2)
    assert sorted(how for how, _ in farm.broker.settled) == ["ack", "ack"]
    assert len(farm.renders()) == 2


@pytest.mark.both_queues
def test_a_finished_task_that_comes_again_is_acked_without_rendering(farm: Farm) -> None:
    farm.add()
    farm.broker.deliver(message(frames=[1, 2]))
    farm.until_settled()
    farm.broker.deliver(message(frames=[1, 2]), redelivered=True)
    farm.until_settled(2)
    assert farm.broker.settled == [("ack", 1), ("ack", 2)]
    assert len(farm.renders()) == 2


def test_a_finished_task_that_went_back_while_its_frames_were_looked_at_is_settled_once(farm: Farm) -> None:
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    disk = threading.Event()
    farm.worker._assembly.beside(lambda: hang_until(disk))
    farm.broker.deliver(message())
    farm.until(lambda: farm.broker.history.count("construct") == 2)
    farm.worker.pause(Pause.GIVE_BACK)
    disk.set()
    farm.worker.resume()
    farm.broker.deliver(message())
    farm.until_settled(3)
    for _ in range(3):
        farm.worker.tick(0.05)
    assert farm.broker.settled == [("ack", 1), ("requeued", 2), ("ack", 3)]
    assert len(farm.renders()) == 1


def test_nonsense_goes_back_while_nothing_is_taken(farm: Farm) -> None:
    farm.worker.pause(Pause.FINISH)
    tag = farm.broker.deliver(b"nonsense")
    farm.until_settled()
    assert farm.broker.settled == [("requeued", tag)]


@pytest.mark.both_queues
def test_a_finished_task_is_known_after_a_restart(start_farm: StartFarm) -> None:
    farm = start_farm()
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    farm.worker.close()
    farm = start_farm()
    tag = farm.broker.deliver(message(), redelivered=True)
    farm.until_settled()
    assert farm.broker.settled == [("ack", tag)]
    assert len(farm.renders()) == 1
    assert "finish" in farm.broker.history


@pytest.mark.parametrize("change", [lambda path: path.write_bytes(b"else"), Path.unlink], ids=["changed", "deleted"])
def test_a_finished_task_is_rendered_again_if_a_frame_is_not_what_it_was(farm: Farm, change: object) -> None:
    farm.add()
    farm.broker.deliver(message(frames=[1, 2]))
    farm.until_settled()
    assert callable(change)
    change(farm.frame(2))
    farm.broker.deliver(message(frames=[1, 2]), redelivered=True)
    farm.until_settled(2)
    assert farm.broker.settled == [("ack", 1), ("ack", 2)]
    assert farm.frame(2).read_bytes().startswith(b"\x89PNG")
    assert [frame for _, frame in farm.renders()].count(2) == 2


def test_a_task_that_asks_for_more_under_the_same_id_is_rendered(farm: Farm) -> None:
    farm.add()
    farm.broker.deliver(message(frames=[1]))
    farm.until_settled()
    farm.broker.deliver(message(frames=[1, 2]))
    farm.until_settled(2)
    assert farm.frame(2).is_file()


def test_reports_of_a_worker_that_ended_are_sent_by_the_next(start_farm: StartFarm) -> None:
    farm = start_farm()
    farm.add()
    farm.broker.confirms = False
    farm.broker.deliver(message())
    farm.until(lambda: "finish" in farm.broker.history)
    farm.worker.close()
    farm = start_farm()
    farm.until(lambda: "finish" in farm.broker.history)
    assert farm.broker.history == ["receive", "construct", "blend", "start", "stat", "finish"]


def test_the_last_of_the_tasks_asked_for_is_adopted_after_a_lost_connection(start_farm: StartFarm) -> None:
    farm = start_farm(max_tasks=1)
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message())
    farm.until(lambda: "start" in farm.broker.history)
    farm.broker.disconnect()
    farm.broker.connect()
    farm.until(lambda: farm.worker.inbox.empty())
    assert farm.broker.prefetch > 0
    tag = farm.broker.deliver(message(), redelivered=True)
    farm.until(lambda: farm.worker.inbox.empty())
    opened(gate)
    farm.until_over()
    assert farm.broker.settled == [("ack", tag)]
    assert len(farm.renders()) == 1


def test_what_a_killed_worker_left_half_rendered_is_cleared_away(start_farm: StartFarm, tmp_path: Path) -> None:
    left = tmp_path / "frames" / ".rendering" / "w1" / "1" / "1" / "000001.png"
    left.parent.mkdir(parents=True)
    left.write_bytes(os.urandom(10))
    farm = start_farm()
    farm.until(lambda: not left.exists())
