# SPDX-License-Identifier: GPL-3.0-or-later
"""For children that wait: the gate that a test has made, see `gates.py`."""

import os
import time
from pathlib import Path


def wait_at(gate: str) -> None:
    """Returns when the test has opened it, or at once if it was left open."""
    if not Path(gate).exists():
        return
    if hasattr(os, "mkfifo"):
        Path(gate).open("rb").close()
        return
    here = Path(f"{gate}.{os.getpid()}")
    here.touch()
    while here.exists():
        time.sleep(0.005)
