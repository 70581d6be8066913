# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the repository and the cache are, and a lock for what lies in the cache. Nothing else."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def cache_folder() -> Path:
    """The folder for what is large and can be made again; made if missing."""
    home = Path.home()
    if chosen := os.environ.get("BENDER_WORKER_CACHE"):
        folder = Path(chosen).absolute()
    elif sys.platform == "darwin":
        folder = home / "Library" / "Caches" / "bender-worker"
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "bender-worker" / "cache"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "bender-worker"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Keep other processes from making the same thing in the cache at the same time; they wait."""
    with (cache_folder() / f"{name}.lock").open("a+") as lock:
        if sys.platform == "win32":
            import msvcrt

            lock.seek(0)
            msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
