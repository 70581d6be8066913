# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates: at one a child waits until its test opens it. A named pipe; on Windows, which has none in folders, a file that
each child makes there and that is taken away. The child's side is `children/waiting.py`."""

import errno
import os
import time
from pathlib import Path

from bender_worker_addon.system.files import remove
from tests.unit.processes import is_gone

DEADLINE = 60.0  # seconds


def make(gate: Path) -> Path:
    if hasattr(os, "mkfifo"):
        os.mkfifo(gate)
    else:
        gate.touch()
    return gate


def opened(gate: Path) -> None:
    """Lets a child go on that waits at a gate, however far it is on its way there."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        if _let_through(gate):
            return
        time.sleep(0.005)
    raise AssertionError(f"no child came to {gate.name}")


def left_open(gate: Path) -> None:
    """No child that comes from now on waits there."""
    remove(gate)


def _let_through(gate: Path) -> bool:
    if not hasattr(os, "mkfifo"):
        waiting = [file for file in gate.parent.glob(f"{gate.name}.*") if not is_gone(int(file.suffix[1:]))]
        for file in waiting:
            remove(file)
        return bool(waiting)
    try:
        os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
    except OSError as error:
        assert error.errno == errno.ENXIO, error  # nobody is there yet
        return False
    return True
