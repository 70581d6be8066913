# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that is set while a worker works, by an hour forward and then by two back: nothing comes too early or late.

Only the worker's own clock is another one (libfaketime); the time that passes is the same for all.
"""

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.farm.ground import eventually
from tests.faults.yard import BareFarm, opened
from tools.debian import fetch_package
from tools.errors import ToolError

PROGRAM = Path(__file__).with_name("faketime_worker.py")
HOUR = 3600
LIFE = ["receive", "construct", "blend", "start", "stat", "finish"]
LEASE = ("--lease", "1", "3")  # seconds after which a task is leased, and that a lease lives
EVERY = ("--look-at-disk", "0.2", "--look-at-blends", "0.2", "--look-for-stall", "0.2")


class Clock:
    """The wall clock of those who run in this `environment`."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._file = folder / "clock"
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",  # its name in older ones
            "NO_FAKE_STAT": "1",
        }
        self.set(0)

    def set(self, seconds: int) -> None:
        """So far ahead of the right time."""
        fresh = self._file.with_suffix(".fresh")
        fresh.write_text(f"{seconds:+d}")
        fresh.replace(self._file)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    try:
        package = fetch_package("libfaketime")
    except ToolError as error:
        pytest.skip(f"no other clock can be had: {error}")
    (library,) = package.rglob("libfaketimeMT.so.1")
    return Clock(library, tmp_path)


def beats(farm: BareFarm, *, ahead: int) -> int:
    """The signs of life that were given while the clock was so far ahead."""
    given = [report.properties.timestamp for report in farm.bookkeeper.reports if report.step == "heart"]
    return sum(abs(moment - time.time() - ahead) < HOUR / 2 for moment in given)


def wait_for_more(count: Callable[[], int]) -> None:
    before = count()
    eventually(lambda: count() > before + 2)


def test_a_clock_that_is_set_stalls_nothing_and_ends_nothing_early(farm: BareFarm, clock: Clock) -> None:
    gate = farm.gate()
    over = farm.task(farm.scene(), 1)
    farm.server.set_status(over["parent_id"], "Finished")
    half = HOUR / 2
    settings: dict[str, Any] = {"grace_period": half, "stall_timeout": half, "heart_rate_seconds": 1}
    worker = farm.worker(*LEASE, *EVERY, form=(str(PROGRAM),), environment=clock.environment, **settings)
    farm.wait_for("finish", over)
    task = farm.task(farm.scene(wait={1: gate}), 1)
    worker.wait_for_line("it is kept in the queue")
    eventually(lambda: bool(farm.server.requests[f"/job/worker/status/{over['parent_id']}"]))
    for ahead in (HOUR, -HOUR):
        clock.set(ahead)
        idle = farm.worker(*LEASE, "--idle-exit", "6", id="two")
        wait_for_more(partial(beats, farm, ahead=ahead))  # it is decided more often than that which blends may go
        assert (farm.folder / "one" / "blends" / f"{over['parent_id']}.blend").is_file()
        assert idle.wait() == 0  # it was idle for longer than a lease lives
    opened(gate)
    farm.wait_for("finish", task)
    farm.stop(worker)
    assert farm.steps(task) == LIFE
    assert farm.renders() == 2
    assert farm.ready() == 0
    assert "no connection" not in worker.log
    assert "came again" not in worker.log  # its lease never ended
    moments = {name: datetime.fromisoformat(text) for name, text in farm.reports(task)[-1].task["time"].items() if text}
    assert moments["finish"] < moments["start"]
