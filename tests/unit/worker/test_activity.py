# SPDX-License-Identifier: GPL-3.0-or-later
"""Activity: whatever was asked for, in whichever order, ends as asked for last; nothing is left stopped."""

import itertools

import pytest

from bender_worker_addon.worker.life.activity import Pause, Stop
from tests.unit.conftest import StartFarm
from tests.unit.gates import opened
from tests.unit.processes import is_stopped
from tests.unit.support import Farm, message


def at_work(farm: Farm) -> int:
    """A worker in the middle of a frame; gives its child's process."""
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message("a", frames=[1]))
    farm.until(lambda: farm.renders())
    return farm.renders()[0][0]


def test_suspended_then_to_be_finished_it_is_finished(farm: Farm) -> None:
    child = at_work(farm)
    farm.worker.pause(Pause.SUSPEND)
    farm.until(lambda: is_stopped(child))
    farm.worker.pause(Pause.FINISH)
    farm.until(lambda: not is_stopped(child))
    opened(farm.folder / "gate-0")
    farm.until_settled()
    assert farm.broker.settled == [("ack", 1)]


@pytest.mark.parametrize("first, second", itertools.permutations(Pause, 2))
def test_after_any_two_pauses_a_worker_works_again(farm: Farm, first: Pause, second: Pause) -> None:
    child = at_work(farm)
    farm.worker.pause(first)
    farm.worker.tick()
    farm.worker.pause(second)
    farm.worker.tick()
    farm.worker.resume()
    farm.worker.tick()
    if Pause.GIVE_BACK in (first, second):
        farm.until_settled()
        assert farm.broker.settled == [("requeued", 1)]
    else:
        assert not is_stopped(child)
        opened(farm.folder / "gate-0")
        farm.until_settled()
        assert farm.broker.settled == [("ack", 1)]
    farm.broker.deliver(message("b", frames=[2]))
    farm.until_settled(2)
    assert farm.broker.settled[1] == ("ack", 2)


@pytest.mark.parametrize("pause", Pause)
@pytest.mark.parametrize("stop", Stop)
def test_a_paused_worker_can_be_stopped(farm: Farm, pause: Pause, stop: Stop) -> None:
    at_work(farm)
    farm.worker.pause(pause)
    farm.worker.tick()
    farm.worker.stop(stop)
    if stop is not Stop.NOW and pause is not Pause.GIVE_BACK:
        opened(farm.folder / "gate-0")
    farm.until_over()
    given_back = stop is Stop.NOW or pause is Pause.GIVE_BACK
    assert farm.broker.settled == [("requeued" if given_back else "ack", 1)]


def test_a_stop_never_becomes_less_urgent(farm: Farm) -> None:
    at_work(farm)
    farm.worker.stop(Stop.NOW)
    farm.worker.stop(Stop.AFTER_TASK)
    assert farm.worker.stopping is Stop.NOW
    farm.until_over()
    assert farm.broker.settled == [("requeued", 1)]


def test_a_child_that_is_started_while_all_are_suspended_is_suspended_too(start_farm: StartFarm) -> None:
    farm = start_farm(renderers=2)
    at_work(farm)
    farm.broker.deliver(message("b", frames=[2]))
    farm.worker.pause(Pause.SUSPEND)
    farm.until(lambda: all(map(is_stopped, farm.children())))


@pytest.mark.parametrize("how", [*Pause, Stop.AFTER_TASK])
def test_a_message_that_comes_again_meanwhile_is_known_to_be_in_hand(farm: Farm, how: Pause | Stop) -> None:
    """As a lease does: a frame of three hours must not be rendered twice, nor its message wait for ever."""
    at_work(farm)
    if isinstance(how, Stop):
        farm.worker.stop(how)
    else:
        farm.worker.pause(how)
    farm.broker.deliver(message("a", frames=[1]), redelivered=True)
    farm.until(lambda: farm.worker.inbox.empty())
    if how is not Pause.GIVE_BACK:
        assert farm.broker.settled == []
        farm.worker.resume()
        farm.worker.tick()
        opened(farm.folder / "gate-0")
    farm.until_settled(2)
    outcome = "requeued" if how is Pause.GIVE_BACK else "ack"
    assert farm.broker.settled == [(outcome, 1), (outcome, 2)]
    assert len(farm.renders()) == 1
