# SPDX-License-Identifier: GPL-3.0-or-later
"""Scratch: the folder for frames in the making, on the disk of the finished ones, with a folder for each child in it.
That disk may be slow, or hang: all of this is for threads beside the worker's."""

import contextlib
import secrets
import threading
from pathlib import Path

from ...core.errors import WorkerError
from ...system.files import discard_folder
from ...system.folders import leads_away
from ...system.lock import Lock, is_locked

_LOCK = "lock"


class Scratch:
    """A folder of its own in `parent`, made with the first child's. It is locked while its worker lives: what is of one
    that was killed can be told by that."""

    def __init__(self, parent: Path) -> None:
        self._folder = parent / secrets.token_hex(4)
        self._made = threading.Lock()
        self._lock: Lock | None = None
        self._closed = False

    def of_child(self, number: int) -> Path:
        """Where the child's folder is, or will be."""
        return self._folder / str(number)

    def make(self, folder: Path) -> None:
        """Makes a child's folder, its alone. Raises WorkerError if it can't be made."""
        try:
            if link := self._link():
                raise WorkerError(f"{link} leads to another folder, where no frame is rendered; remove it")
            self._make_own()
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise WorkerError(f"the folder {folder} can't be made: {error.strerror or error}") from error

    def remove(self, folder: Path) -> None:
        discard_folder(folder)

    def remove_leftovers(self) -> None:
        """What a killed worker of this id has left behind; what is of one that lives, which should not be, stays."""
        if self._link():
            return
        for folder in self._folder.parent.glob("*"):
            if folder != self._folder and not is_locked(folder / _LOCK):
                discard_folder(folder)

    def close(self) -> None:
        with self._made:
            self._closed = True
            if self._lock is not None:
                self._lock.close()
        discard_folder(self._folder)
        with contextlib.suppress(OSError):  # another worker's scratch is beside this one
            self._folder.parent.rmdir()
            self._folder.parent.parent.rmdir()

    def _make_own(self) -> None:
        with self._made:
            if self._closed:
                raise WorkerError("the worker has ended")
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            except FileNotFoundError:  # another worker that renders into the same folder has just cleared up behind it
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self._lock is None:
                self._lock = Lock(self._folder / _LOCK)

    def _link(self) -> Path | None:
        """What in the place of the scratch folders leads elsewhere: whoever may write in `outpath` can put it there."""
        return next(filter(leads_away, (self._folder.parent.parent, self._folder.parent)), None)
