# SPDX-License-Identifier: GPL-3.0-or-later
"""FrameFolders: where the frames of a task go on this machine, and tiles of pictures."""

from pathlib import Path

from ...core.task import Task
from ...core.tile import TileFile, folder_of


class FrameFolders:
    """A folder a job in `outpath`. With `own` those that the farm on this machine names, too: who can write into its
    queue is this user. What comes over a network names none. Tiles are no frames: they are with their job's blend, in
    `blendpath`."""

    def __init__(self, outpath: Path, *, blendpath: Path, own: bool = False) -> None:
        self._outpath = outpath
        self._blendpath = blendpath
        self._own = own

    def of(self, task: Task) -> Path:
        if task.region is not None:
            return folder_of(self._blendpath, task.job_id, task.id)
        own = task.folder if self._own else None
        return self._outpath / task.job_id if own is None else own

    def tiles_of(self, task: Task) -> tuple[TileFile, ...]:
        """Of what its picture is put together."""
        return tuple(
            TileFile(tile.region, tile.file(self._blendpath, task.job_id, frame), tile.hash)
            for frame in task.frames[:1]
            for tile in task.tiles
        )
