# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks: those of the folders that a worker writes into: how much room they have, and whether they can be written."""

import errno
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .executor import Executor

FULL = (errno.ENOSPC, errno.EDQUOT)  # what a disk without room says


@dataclass(frozen=True, slots=True)
class DisksSeen:
    """`gigabytes` are free on the fullest: a worker can do without none of them. `trouble`: why one can't be written,
    and what to do, if so."""

    gigabytes: float
    trouble: str


class Disks:
    """Looks at them beside the worker's thread: a disk may take long to answer. `trouble` is what was seen last;
    `in_doubt`: it has yet to be seen whether a disk is to blame for what went wrong."""

    def __init__(self, folders: Sequence[Path], *, executor: Executor) -> None:
        """DisksSeen comes of each look."""
        self._folders = folders
        self._executor = executor
        self._looks = 0
        self.in_doubt = False
        self.trouble = ""

    def look(self) -> None:
        """Looks, unless that is going on already."""
        if not self._looks:
            self._look()

    def doubt(self) -> None:
        """Something went wrong for which a disk may be to blame."""
        self.in_doubt = True
        self._look()

    def seen(self, event: DisksSeen) -> None:
        self._looks -= 1
        self.in_doubt = self.in_doubt and self._looks > 0
        self.trouble = event.trouble

    def _look(self) -> None:
        self._looks += 1
        self._executor.submit(partial(_seen, self._folders))


def why_unwritable(folder: Path) -> str:
    """Writes a small file into `folder`, made if missing; gives what is wrong and what to do, or nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"bender")
    except OSError as error:
        advice = "free some space" if error.errno in FULL else "choose another or change its permissions"
        return f"{folder} can't be written ({error.strerror}); {advice}"
    return ""


def free_gigabytes(folder: Path) -> float:
    """The free space on the disk where `folder` is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / 1e9


def _seen(folders: Sequence[Path]) -> DisksSeen:
    trouble = next(filter(None, map(why_unwritable, folders)), "")
    return DisksSeen(min(map(free_gigabytes, folders)), trouble)
