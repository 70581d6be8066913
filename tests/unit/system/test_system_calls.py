# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of the system itself: it is not only called, it does what it is called for."""

import errno
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bender_worker_addon.system import memory
from bender_worker_addon.system.disks import is_full
from bender_worker_addon.system.durable import write_private
from bender_worker_addon.system.error_words import strerror
from bender_worker_addon.system.native import function
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
        until(lambda: is_stopped(child))
        worker.kill()
    until(lambda: is_gone(child))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to it"
        time.sleep(0.01)


def test_a_full_disk_is_known_by_each_of_its_words() -> None:
    for number in (39, 112, 1295):
        error = OSError(22, "x", None, number) if WINDOWS else OSError(22, "x")
        error.winerror = number  # type: ignore[attr-defined,unused-ignore]
        assert is_full(error)
    assert is_full(OSError(28, "No space left on device"))
    assert not is_full(OSError(13, "Permission denied"))


def test_what_an_output_has_no_characters_for_is_printed_all_the_same() -> None:
    program = "from bender_worker_addon.system.streams import print_anything as p; p(); print('Größe \u65b0')"
    command = [sys.executable, "-c", program]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    done = subprocess.run(command, cwd=PACKAGE.parent, env=environment, capture_output=True, timeout=DEADLINE)
    assert done.stdout.split() == ["Größe".encode("cp1252"), b"\\u65b0"]


def test_the_words_of_an_error_of_the_network_are_known_everywhere() -> None:
    assert "refused" in strerror(errno.ECONNREFUSED)
    assert strerror(errno.ENOENT) == os.strerror(errno.ENOENT)


def may_read(file: Path) -> set[str]:
    """To whom Windows gives a file, in its language: WD is all the world."""
    from ctypes import POINTER, byref, create_string_buffer
    from ctypes.wintypes import BOOL, DWORD, LPCWSTR, LPVOID, LPWSTR

    get = function("advapi32", "GetFileSecurityW", BOOL, LPCWSTR, DWORD, LPVOID, DWORD, POINTER(DWORD))
    name = "ConvertSecurityDescriptorToStringSecurityDescriptorW"
    in_words = function("advapi32", name, BOOL, LPVOID, DWORD, DWORD, POINTER(LPWSTR), LPVOID)
    size, text = DWORD(), LPWSTR()
    get(str(file), 4, None, 0, byref(size))
    descriptor = create_string_buffer(size.value)
    assert get(str(file), 4, descriptor, size, byref(size))
    assert in_words(descriptor, 1, 4, byref(text), None)
    return set(re.findall(r";;;([^)]*)\)", text.value or ""))


def test_a_secret_is_its_owner_s_alone_wherever_it_lies(tmp_path: Path) -> None:
    (tmp_path / "open").write_text("x")
    write_private(tmp_path / "secret", "x")
    if WINDOWS:
        assert "WD" in may_read(tmp_path / "open")
        others = may_read(tmp_path / "secret") - {"OW", "SY", "BA"}
        assert all(other.startswith("S-1-5-21-") for other in others)  # as Wine names its one user
    else:
        assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    write_private(tmp_path / "secret", "y")
    assert (tmp_path / "secret").read_text() == "y"
