# SPDX-License-Identifier: GPL-3.0-or-later
"""Owners: who holds tasks of the local queue, and whether they still live.

Each has a file of its own that is locked as long as it lives. Files are made and cleared away inside a transaction that
changes the queue, so that none is taken for dead before it is locked.
"""

import contextlib
import secrets
from pathlib import Path

from ...system.files import remove
from ...system.lock import Lock, is_locked

_SUFFIX = ".lock"


class Owner:
    """One that may hold tasks, from its making to `close` or the end of its process. `name` is like no other's."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds the files of all owners."""
        folder.mkdir(parents=True, exist_ok=True)
        self.name = secrets.token_hex(8)
        self._path = folder / f"{self.name}{_SUFFIX}"
        self._lock = Lock(self._path)

    def close(self) -> None:
        self._lock.close()
        with contextlib.suppress(OSError):  # Windows: somebody is just looking at it
            remove(self._path)


def lives(folder: Path, name: str) -> bool:
    """Whether the owner of this name, another than oneself, still is there, or can't be told to be gone."""
    return is_locked(folder / f"{name}{_SUFFIX}")


def clear_away_dead(folder: Path) -> None:
    """Removes the files of owners that are no more. Raises OSError if the folder can't be read."""
    for path in folder.glob(f"*{_SUFFIX}"):
        if not is_locked(path):
            with contextlib.suppress(OSError):
                remove(path)
