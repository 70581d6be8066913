# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker in small, to be killed: starts a child, suspends it and says which process it is.

Its first argument is the folder for its files."""

import sys
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from bender_worker_addon.worker.children.process import ChildProcess


def main() -> None:
    folder, inbox = Path(sys.argv[1]), SimpleQueue[Any]()
    command = [sys.executable, "-S", "-c", "print('here', flush=True); import time; time.sleep(60)"]
    child = ChildProcess(child=1, prepare=lambda: command, log_file=folder / "log", temp=folder, inbox=inbox)
    while not (folder / "log").exists() or b"here" not in (folder / "log").read_bytes():
        time.sleep(0.01)
    child.suspend(True)
    print(child.pid, flush=True)
    time.sleep(60)


main()
