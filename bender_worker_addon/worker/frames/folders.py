# SPDX-License-Identifier: GPL-3.0-or-later
"""FrameFolders: where the frames of a task go on this machine."""

from pathlib import Path

from ...core.task import Task
from ...core.tile import Tile


class FrameFolders:
    """A folder a job in `outpath`. With `own` those that the farm on this machine names, too: who can write into its
    queue is this user. What comes over a network names none."""

    def __init__(self, outpath: Path, *, own: bool = False) -> None:
        self._outpath = outpath
        self._own = own

    def of(self, task: Task) -> Path:
        own = task.folder if self._own else None
        return self._outpath / task.job_id if own is None else own

    def tiles_of(self, task: Task) -> tuple[Tile, ...]:
        """Of what its picture is put together. Also these are files that only this machine's farm may name."""
        return task.tiles if self._own else ()
