# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of the system itself: it is not only called, it does what it is called for."""

import subprocess
import sys
import time
from pathlib import Path

from bender_worker_addon.system import memory
from bender_worker_addon.system.disks import is_full
from bender_worker_addon.system.platform import WINDOWS
from tests.unit.processes import is_gone, is_stopped
from tests.unit.support import DEADLINE

PACKAGE = Path(memory.__file__).parents[1]
PROGRAMS = Path(__file__).parents[1] / "programs"

PRIORITY = """
import os, sys
sys.path.insert(0, sys.argv[1])
from render_child.system import lower_priority, resident_memory
from bender_worker_addon.system.native import function
def priority():
    if os.name == "nt":
        from ctypes.wintypes import DWORD, HANDLE
        this = function("kernel32", "GetCurrentProcess", HANDLE)()
        return {0x20: "normal", 0x4000: "low"}[function("kernel32", "GetPriorityClass", DWORD, HANDLE)(this)]
    return "low" if os.nice(0) > before else "normal"
before = 0 if os.name == "nt" else os.nice(0)
print(priority())
lower_priority()
print(priority())
print(resident_memory())
"""


def told_by(program: str) -> list[str]:
    command = [sys.executable, "-c", program, str(PACKAGE)]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=DEADLINE, check=True)
    return done.stdout.split()


def test_a_child_gives_way_to_who_works_at_the_machine() -> None:
    before, after, resident = told_by(PRIORITY)
    assert (before, after) == ("normal", "low")
    assert 1 << 20 < int(resident) < 1 << 30


def test_the_memory_that_is_left_is_told() -> None:
    assert 1 << 24 < memory.available() < 1 << 50


def test_a_suspended_child_does_not_outlive_a_killed_worker(tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAMS / "suspended.py"), str(tmp_path)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    with worker, worker.stdout:
        child = int(worker.stdout.readline())
        assert is_stopped(child)
        worker.kill()
    deadline = time.monotonic() + DEADLINE
    while not is_gone(child):
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.01)


def test_a_full_disk_is_known_by_each_of_its_words() -> None:
    for number in (39, 112, 1295):
        error = OSError(22, "x", None, number) if WINDOWS else OSError(22, "x")
        error.winerror = number  # type: ignore[attr-defined,unused-ignore]
        assert is_full(error)
    assert is_full(OSError(28, "No space left on device"))
    assert not is_full(OSError(13, "Permission denied"))
