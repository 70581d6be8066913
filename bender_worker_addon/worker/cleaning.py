# SPDX-License-Identifier: GPL-3.0-or-later
"""Cleaning: what this worker has stored and may be deleted by hand. Only what its journal knows, and is as it was."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import FolderInUse, WorkerError
from ..core.frame import StoredFrame
from ..core.task import Task
from ..settings.config import WorkerConfig
from .blends import files
from .frames.store import delete, unchanged
from .state.journal import Journal


@dataclass(frozen=True, slots=True)
class Found:
    """`blends`: size by job. `uploaded` frames are with flaskbender too, those `only_here` nowhere else."""

    blends: Mapping[str, int]
    uploaded: tuple[StoredFrame, ...]
    only_here: tuple[StoredFrame, ...]


class Cleaning:
    """Has the data folder to itself until `close`. Raises WorkerError while a worker runs there, and where blends and
    frames are in folders that the farm shares: they are the farm's."""

    def __init__(self, config: WorkerConfig) -> None:
        if config.is_shared:
            raise WorkerError(f"blends and frames are the farm's here ({config.blendpath}, {config.outpath})")
        self._config = config
        try:
            self._journal = Journal(config.data_dir / "journal.sqlite")
        except FolderInUse as error:
            raise WorkerError(f"a worker is running on {config.data_dir}; stop it first") from error

    def close(self) -> None:
        self._journal.close()

    def find(self) -> Found:
        blends = files.find(self._config.blendpath, self._journal.blends()).sizes
        uploaded: dict[Path, StoredFrame] = {}
        only_here: dict[Path, StoredFrame] = {}
        for task in map(Task.from_json, self._journal.all_rendered()):
            for frame in task.stored_frames(task.outpath) if self._is_ours(task) else ():
                if _size(frame.path) == frame.size:
                    (uploaded if frame.number in task.uploaded else only_here)[frame.path] = frame
        safe = tuple(frame for path, frame in uploaded.items() if path not in only_here)
        return Found(blends, safe, tuple(only_here.values()))

    def delete_blends(self, jobs: Iterable[str]) -> None:
        for job_id in jobs:
            with _told():
                files.delete(job_id, self._config.blendpath)
            self._journal.remove_blend(job_id)

    def delete_frames(self, frames: Iterable[StoredFrame]) -> int:
        """Gives how many were deleted; one that was changed since is somebody's work and stays."""
        deleted = [frame for frame in frames if unchanged(frame)]
        for frame in deleted:
            with _told():
                delete(frame)
        return len(deleted)

    def _is_ours(self, task: Task) -> bool:
        """Whether it was rendered into the folder for frames as it is set now."""
        return task.outpath == self._config.outpath / task.job_id


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorkerError(f"{error.filename} can't be deleted: {error.strerror}") from error


def _size(file: Path) -> int | None:
    """None if there is none, or it can't be looked at."""
    try:
        return file.stat().st_size
    except OSError:
        return None
