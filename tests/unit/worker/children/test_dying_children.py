# SPDX-License-Identifier: GPL-3.0-or-later
"""Children that die of anything, or won't: each is told as it was, its task is tried again, and none is left."""

import signal
import sys

import pytest

from bender_worker_addon.worker.children import process as renderer
from bender_worker_addon.worker.life.activity import Stop
from tests.unit.conftest import StartFarm
from tests.unit.processes import is_gone
from tests.unit.support import child_command, message

DEATHS: list[tuple[int | str, str]] = [("hunger", "MemoryError")]
if sys.platform == "win32":
    DEATHS += [(0xC0000005, f"exit code {0xC0000005}"), (3, "exit code 3")]  # a violation of access, and abort()
else:
    of_nothing_left = signal.SIGKILL, "ended by signal 9"  # what a system does that has no memory left
    DEATHS += [(signal.SIGSEGV, "ended by signal 11"), of_nothing_left, (signal.SIGABRT, "ended by signal 6")]


@pytest.mark.parametrize(
    ("death", "words"),
    DEATHS,
    ids=str,
)
def test_a_child_that_dies_in_its_work_is_told_as_it_was(start_farm: StartFarm, death: int | str, words: str) -> None:
    farm = start_farm(child=child_command("ends_by", death if isinstance(death, str) else int(death)))
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.settled == [("requeued", 1)]
    assert words in farm.broker.tasks("error")[0]["data"]["error"]


@pytest.mark.parametrize("when", [Stop.NOW, Stop.AFTER_FRAME])
def test_a_child_that_ignores_everything_does_not_outlive_its_worker(
    start_farm: StartFarm, monkeypatch: pytest.MonkeyPatch, when: Stop
) -> None:
    monkeypatch.setattr(renderer, "_QUIT", 0.2)
    farm = start_farm(child=child_command("stubborn"), stall_timeout=1.0)
    farm.add()
    farm.broker.deliver(message())
    farm.until(lambda: farm.children())
    [process] = farm.children()
    farm.worker.stop(when)
    farm.until_over()
    farm.worker.close()
    assert farm.broker.settled == [("requeued", 1)]
    assert is_gone(process)
