# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks: those of the folders that a worker writes into: how much room they have, and whether they can be written."""

import errno
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from .executor import Executor
from .platform import WINDOWS

_FULL = (errno.ENOSPC, errno.EDQUOT)  # what a disk without room says
_FULL_ON_WINDOWS = (39, 112, 1295)  # the same: ERROR_HANDLE_DISK_FULL, _DISK_FULL, _DISK_QUOTA_EXCEEDED
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_LONGEST_ON_WINDOWS = 259  # characters of a path, for Blender as it is built
_LONG_ON_WINDOWS = 160  # of which a worker wants some for what it makes in a folder
_PATIENCE = 5.0  # seconds in which a disk should answer


@dataclass(frozen=True, slots=True)
class DisksSeen:
    """`gigabytes` are free on the fullest: a worker can do without none of them. `trouble`: why one can't be written,
    and what to do, if so. `answered`: this is what was seen; else one of them does not answer, and the look goes on."""

    gigabytes: float
    trouble: str
    answered: bool = True


class Disks:
    """Looks at them beside the worker's thread: a disk may take long to answer, or never do. `trouble` is what was seen
    last; `in_doubt`: it has yet to be seen whether a disk is to blame for what went wrong."""

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        executor: Executor,
        inbox: "SimpleQueue[Any]",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """DisksSeen comes of each look."""
        self._folders = folders
        self._executor = executor
        self._inbox = inbox
        self._clock = clock
        self._gigabytes = 0.0
        self._looking_at = folders[0]
        self._looking_since: float | None = None
        self._look_again = False
        self.in_doubt = False
        self.trouble = ""

    def look(self) -> None:
        """Looks, unless that is going on already; if it has for long, it is told which folder does not answer."""
        if self._looking_since is None:
            self._look()
        elif self._clock() - self._looking_since > _PATIENCE:
            self._inbox.put(DisksSeen(self._gigabytes, _silent(self._looking_at), answered=False))

    def doubt(self) -> None:
        """Something went wrong for which a disk may be to blame: what is seen from now on will tell."""
        self.in_doubt = True
        if self._looking_since is None:
            self._look()
        else:
            self._look_again = True

    def seen(self, event: DisksSeen) -> None:
        self.trouble = event.trouble
        if not event.answered:
            return
        self._gigabytes = event.gigabytes
        self._looking_since = None
        if self._look_again:
            self._look()
        else:
            self.in_doubt = False

    def _look(self) -> None:
        self._look_again = False
        self._looking_since = self._clock()
        self._executor.submit(self._see, failed=lambda error: DisksSeen(self._gigabytes, str(error)))

    def _see(self) -> DisksSeen:
        gigabytes, troubles = [], []
        for folder in self._folders:
            self._looking_at = folder
            troubles.append(why_unwritable(folder))
            try:
                gigabytes.append(free_gigabytes(folder))
            except OSError as error:
                troubles.append(why_not_written(folder, error))
        return DisksSeen(min(gigabytes, default=0.0), next(filter(None, troubles), ""))


def why_unwritable(folder: Path) -> str:
    """Writes a small file into `folder`, made if missing; gives what is wrong and what to do, or nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"bender")
    except OSError as error:
        return why_not_written(folder, error)
    return ""


def why_unusable(folder: Path, *, patience: float = _PATIENCE) -> str:
    """The same for who can't wait for a disk that does not answer."""
    told: list[str] = []
    looking = threading.Thread(target=lambda: told.append(why_unwritable(folder)), daemon=True)
    looking.start()
    looking.join(patience)
    return told[0] if told else _silent(folder)


def is_full(error: OSError) -> bool:
    """Whether that is what a disk without room says, or one of which this user has had its part."""
    return error.errno in _FULL or getattr(error, "winerror", None) in _FULL_ON_WINDOWS


def free_gigabytes(folder: Path) -> float:
    """The free space on the disk where `folder` is or will be. Raises OSError if there is no such disk, or it can't be
    looked at."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    return shutil.disk_usage(there).free / 1e9


def why_not_written(folder: Path, error: OSError) -> str:
    """What is wrong with a folder into which something could not be written, and what to do."""
    if is_full(error):
        advice = "free some space"
    elif error.errno in _FORBIDDEN:
        advice = "choose another or change its permissions"
    elif WINDOWS and (len(str(folder)) > _LONG_ON_WINDOWS or len(str(error.filename or "")) > _LONGEST_ON_WINDOWS):
        advice = "its path may be too long for Windows: choose another"
    else:
        advice = "see whether its disk or share is there, or choose another"
    return f"{folder} can't be written ({error.strerror or error}); {advice}"


def _silent(folder: Path) -> str:
    return f"{folder} can't be reached (it does not answer); see whether its disk or share is there"
