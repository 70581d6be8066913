# SPDX-License-Identifier: GPL-3.0-or-later
"""What a power cut would leave: nobody is told of a frame before it is on the disk for good, name and content.

Nobody can cut the power here. What a real worker asks of the kernel is looked at instead, in its order.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.farm.process import WorkerProcess
from tests.faults.yard import PROGRAM, Bare
from tools.check import strace
from tools.check.strace import Call
from tools.errors import ToolError

SYNC, RENAME, MKDIR = ("fsync", "fdatasync"), ("rename", "renameat", "renameat2"), ("mkdir", "mkdirat")
TELL = ("sendto", "pwrite64")
ACK = r"\0<\0P"  # of AMQP, as strace writes it

StartTraced = Callable[..., WorkerProcess]


@pytest.fixture
def trace(farm: Bare) -> Path:
    return farm.folder / "trace"


@pytest.fixture
def start_traced(farm: Bare, trace: Path) -> StartTraced:
    """Starts a worker whose calls are written to `trace`."""
    try:
        program, *words = strace.command(trace, calls=",".join((*SYNC, *RENAME, *MKDIR, *TELL)))
    except ToolError as error:
        pytest.skip(f"no strace can be had: {error}")
    farm.blender = Path(program)

    def start(*options: str, **settings: Any) -> WorkerProcess:
        return farm.worker(*options, form=(*words, sys.executable, str(PROGRAM)), **settings)

    return start


@pytest.mark.both_queues
def test_frames_are_on_the_disk_for_good_before_anybody_is_told(
    farm: Bare, start_traced: StartTraced, trace: Path, queue: str
) -> None:
    task = farm.task(farm.scene(), 1, 2)
    job = task["parent_id"]
    assert start_traced("--max-tasks", "1", id="", data_dir=farm.folder / "one").wait() == 0
    calls = list(strace.calls(trace))
    lasting = {target.name: lasting_since(calls, move, target) for move, target in moved(calls, farm.folder)}
    came = {"rabbitmq": f"{job}.blend", "local": "data.json"}[queue]
    assert lasting.keys() == {"worker-id", "control.json", came, "000001.png", "000002.png"}
    told = min(call.begun for call in calls if tells(call))
    assert max(lasting["000001.png"], lasting["000002.png"]) < told
    (made,) = (call for call in calls if call.name in MKDIR and paths(call) == [str(farm.outpath / job)])
    assert any(made.ended < call.begun and call.ended < told for call in synced(calls, farm.outpath))
    acked = [call.begun for call in calls if call.name == "sendto" and ACK in call.arguments]
    assert [told < moment for moment in acked] == ([True] if queue == "rabbitmq" else [])


def tells(call: Call) -> bool:
    """Whether it says that the task is finished: to RabbitMQ, or in the farm's books on this machine."""
    return "Finished" in call.arguments and (call.name == "sendto" or "/farm.sqlite-wal>" in call.arguments)


def moved(calls: list[Call], folder: Path) -> Iterator[tuple[Call, Path]]:
    """The moves of files into the folder, and to where."""
    for call in calls:
        if call.name in RENAME and Path(paths(call)[1]).is_relative_to(folder):
            yield call, Path(paths(call)[1])


def lasting_since(calls: list[Call], move: Call, target: Path) -> int:
    """When a file was there for good: its content before it was moved, its name after it."""
    source = Path(paths(move)[0])
    assert any(call.ended < move.begun for call in synced(calls, source)), f"the content of {target}"
    names = [call.ended for call in synced(calls, target.parent) if move.ended < call.begun]
    assert names, f"the name of {target}"
    return names[0]


def synced(calls: list[Call], path: Path) -> list[Call]:
    return [call for call in calls if call.name in SYNC and f"<{path}>" in call.arguments]


def paths(call: Call) -> list[str]:
    return re.findall(r'"(/[^"]*)"', call.arguments)
