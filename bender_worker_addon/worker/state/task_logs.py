# SPDX-License-Identifier: GPL-3.0-or-later
"""Task logs: what Blender printed, a file a task: of the last tasks, and longer of those that failed."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from ...core.names import SAFE_ID
from ...system.files import remove
from ...system.printed import readable

log = logging.getLogger(__name__)

_KEPT = 200  # of tasks that went well, and as many of those that failed


def _at_once(work: Callable[[], None]) -> None:
    work()


class TaskLogs:
    """`beside(work)` runs work beside the worker's thread: it may wait for the disk."""

    def __init__(self, folder: Path, *, beside: Callable[[Callable[[], None]], None] = _at_once) -> None:
        self._folder = folder
        self._beside = beside

    def path(self, task_id: str) -> Path:
        return self._folder / f"task-{task_id}.log"

    def end_of(self, task_id: str, size: int) -> str:
        """The last of a task's log, for people; "" if there is none. May wait for the disk."""
        if not SAFE_ID.fullmatch(task_id):
            return ""
        try:
            with self.path(task_id).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - size))
                return "\n".join(readable(file.read(size)))
        except OSError:
            return ""

    def failed(self, task_id: str) -> None:
        """Keeps this task's log apart from the others: somebody will want to read it."""
        self._beside(lambda: self._mark_failed(self.path(task_id)))

    def prune(self) -> None:
        """Deletes the oldest; what can't be deleted now, later."""
        self._beside(self._prune)

    def _mark_failed(self, path: Path) -> None:
        if path.exists():
            self._mark(path).touch()

    def _prune(self) -> None:
        newest_first = sorted(self._folder.glob("task-*.log"), key=_written_at, reverse=True)
        failed = [path for path in newest_first if self._mark(path).exists()]
        well = [path for path in newest_first if path not in failed]
        for path in (*well[_KEPT:], *failed[_KEPT:]):
            try:
                remove(path)
                remove(self._mark(path))
            except OSError as error:  # another program has it open
                log.debug("the log %s can't be deleted now: %s", path, error.strerror)

    @staticmethod
    def _mark(path: Path) -> Path:
        return path.with_suffix(".failed")


def _written_at(path: Path) -> float:
    """In seconds; long ago for a file that is gone meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
