# SPDX-License-Identifier: GPL-3.0-or-later
"""FolderSite: what farms have in common whose folders can be seen from here, a folder a job with its `data.json`."""

import shutil
import uuid
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..core import tile
from ..core.errors import FarmError
from ..core.job import CANCELED, DATA_JSON
from ..farm import frame_files, job_files
from ..farm.frame_files import FrameFile
from ..farm.new_job import NewJob, NewTask, head, tasks
from ..settings.config import WorkerConfig
from ..system.files import discard_folder, move, remove
from ..system.folders import make_folder
from . import data_json
from .site import BlendGone, Details, PartlyQueued, Progress, Site, nobody


class FolderSite(Site):
    def __init__(self, config: WorkerConfig) -> None:
        self._jobs = config.blendpath
        self._outpath = config.outpath
        self._in_a_group = config.mode == "Server"

    @contextmanager
    def room_for(self, job_id: str) -> Iterator[Path]:
        fresh = self._jobs / f".new-{job_id}"
        self._check_is_new(job_id)
        try:
            with self._written():
                make_folder(fresh, shared=self._in_a_group)
                yield fresh
        finally:
            discard_folder(fresh)

    def send(self, job: NewJob, told: Progress = nobody) -> None:
        """Nothing goes any way: `told` hears nothing."""
        folder, fresh, file = (self._jobs / name for name in (job.id, f".new-{job.id}", f".{uuid.uuid4().hex}"))
        job_head, job_tasks = head(job, jobs=self._jobs, outpath=self._outpath), tasks(job)
        bodies = (task.body for task in job_tasks if not task.frame_task)
        is_there = False

        def put_in_place() -> None:
            nonlocal is_there
            if not (fresh / job.blend).is_file():
                raise BlendGone(f"the blend of job {job.id} is not here (any more): send it again")
            with self._written():
                discard_folder(folder)  # of one that was cut off here when it was sent
                if job.regions or job.tail:
                    make_folder(fresh / tile.FOLDER, shared=self._in_a_group)
                move(file, fresh / DATA_JSON)
                move(fresh, folder)
            is_there = True

        try:
            with self._written():
                self._jobs.mkdir(parents=True, exist_ok=True)
                job_files.write(file, job_files.as_data_json(job_head, "Queued", bodies))
            self._queue(job, job_head, job_tasks, put_in_place)
        except PartlyQueued:
            raise
        except BaseException:
            if is_there:
                discard_folder(folder)
            raise
        finally:
            remove(file)

    def _known_as(self, job_id: str) -> str | None:
        """The id of a job that has this one, or one that a disk may take for the same: Windows and macOS tell capitals
        from small letters no more than that."""
        with self._written(), suppress(FileNotFoundError):
            names = (folder.name for folder in self._jobs.iterdir())
            return next((name for name in names if name.lower() == job_id.lower()), None)
        return None

    def _check_is_new(self, job_id: str) -> None:
        refuse_if_known(self._known_as(job_id))

    def cancel(self, job_id: str) -> None:
        try:
            (self._jobs / job_id / CANCELED).touch()
        except OSError as error:
            raise FarmError(f"job {job_id} can't be canceled in {self._jobs}: {error.strerror}") from error

    def frames(self, job_id: str) -> list[FrameFile]:
        return self._there(job_id, frame_files.of_task)

    def others(self, job_id: str) -> list[FrameFile]:
        return self._there(job_id, frame_files.others_of_task)

    def bring(self, job_id: str, frame: FrameFile, place: Path) -> None:
        source = self._folder_of(job_id) / frame.name
        try:
            shutil.copyfile(source, place)
        except OSError as error:
            raise FarmError(f"{source} can't be copied to {place}: {error.strerror}") from error

    def picture(self, details: Details, frame: int, scratch: Path) -> Path:
        place = details.folder / details.name_of(frame)
        if not place.is_file():
            raise FarmError(f"frame {frame} of {details.job.name} is not in {details.folder} any more")
        return place

    def _there(self, job_id: str, files: Callable[[Mapping[str, Any]], Iterator[FrameFile]]) -> list[FrameFile]:
        known = [file for task in self._tasks(job_id) for file in files(task)]
        return frame_files.there(known, self._folder_of(job_id))

    def _folder_of(self, job_id: str) -> Path:
        """Where its frames are."""
        return self._outpath / job_id

    def _blend(self, job_id: str, data: Mapping[str, Any]) -> Path:
        return self._jobs / job_id / data_json.blend_name(data)

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FarmError(f"the job can't be written into {self._jobs}: {error.strerror or error}") from error

    @abstractmethod
    def _tasks(self, job_id: str) -> Sequence[Mapping[str, Any]]:
        """As they were reported last."""

    @abstractmethod
    def _queue(
        self,
        job: NewJob,
        job_head: Mapping[str, Any],
        job_tasks: Sequence[NewTask],
        put_in_place: Callable[[], None],
    ) -> None:
        """Calls `put_in_place`, unless there is such a job: of two who send the same one comes too late."""

    def _not_canceled(self, job_id: str) -> None:
        flag = self._jobs / job_id / CANCELED
        try:
            remove(flag)
        except OSError as error:
            raise FarmError(f"job {job_id} stays canceled: {error.filename}: {error.strerror}") from error


def refuse_if_known(known_as: str | None) -> None:
    """Raises FarmError if there is a job that is known as that."""
    if known_as is not None:
        raise FarmError(f"there is a job {known_as} already; give this one another id")
