# SPDX-License-Identifier: GPL-3.0-or-later
"""While there is work the machine stays awake, and after it may fall asleep: asked of Windows itself, or a stand-in."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bender_worker_addon.system import sleepless
from bender_worker_addon.system.native import function
from bender_worker_addon.system.platform import WINDOWS
from bender_worker_addon.system.sleepless import Sleepless
from tests.unit.conftest import StartFarm
from tests.unit.gates import opened
from tests.unit.support import DEADLINE, message

KILLED = """
import os, signal, sys
from bender_worker_addon.system import sleepless
sleepless.MACOS = True
sleepless.Sleepless().look(at_work=True)
print("held", flush=True)
sys.stdin.read()
"""


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def asked_of_windows() -> int:
    """What is asked for in this thread, which is asked for again."""
    from ctypes.wintypes import DWORD

    ask = function("kernel32", "SetThreadExecutionState", DWORD, DWORD)
    state = int(ask(0x80000000))
    ask(state)
    return state


@pytest.fixture
def is_awake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], bool]:
    """Whether the system is told to stay awake."""
    if WINDOWS:
        return lambda: asked_of_windows() == 0x80000001
    held = caffeinate(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(sleepless, "MACOS", True)
    return held.exists


def caffeinate(folder: Path) -> Path:
    """A stand-in of macOS's program there, that shows by a file that it runs."""
    program, held = folder / "caffeinate", folder / "held"
    program.write_text(f'#!/bin/sh\ntouch {held}; [ "$1" = -i ] && shift && "$@"; rm {held}\n')
    program.chmod(0o755)
    return held


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_is_held_from_the_first_task_to_a_minute_after_the_last(is_awake: Callable[[], bool], clock: Clock) -> None:
    machine = Sleepless(clock=clock)
    machine.look(at_work=False)
    assert not is_awake()
    machine.look(at_work=True)
    until(is_awake)
    clock.now += 59
    machine.look(at_work=False)
    assert is_awake()
    clock.now += 2
    machine.look(at_work=False)
    assert not is_awake()


def test_it_ends_with_who_asked(is_awake: Callable[[], bool], clock: Clock) -> None:
    machine = Sleepless(clock=clock)
    machine.look(at_work=True)
    until(is_awake)
    machine.close()
    assert not is_awake()


@pytest.mark.skipif(WINDOWS, reason="there it ends with the thread")
def test_it_ends_with_a_worker_that_is_killed(is_awake: Callable[[], bool]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"held\n"
        until(is_awake)
        worker.kill()
    until(lambda: not is_awake())


def test_a_worker_asks_for_it_while_it_renders(is_awake: Callable[[], bool], start_farm: StartFarm) -> None:
    farm = start_farm()
    gate = farm.gate()
    farm.add(wait={1: gate})
    assert not is_awake()
    farm.broker.deliver(message())
    farm.until(lambda: farm.worker.is_kept_awake)
    until(is_awake)
    opened(gate)
    farm.until_settled()
    farm.worker.close()
    assert not is_awake()
