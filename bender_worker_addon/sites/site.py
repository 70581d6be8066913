# SPDX-License-Identifier: GPL-3.0-or-later
"""Site: the farm as one who sends jobs sees it: on this machine, by the folders of a shared disk, or over HTTP."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from ..core.errors import FarmError
from ..core.frame import frame_name
from ..farm.books import OVER, Failure, Job, Warned
from ..farm.database import FILE, SERVED
from ..farm.frame_files import FrameFile
from ..farm.new_job import NewJob
from ..farm.pace import Pace
from ..farm.tasks import TaskRecord
from ..farm.tile_cost import Cost
from ..farm.tiles import Part
from ..farm.tiles import Progress as Tiles
from ..farm.workers import Event, Worker
from ..settings.config import WorkerConfig

FAILURES = 20  # tasks of which `show` tells why they failed

Progress = Callable[[int, int], None]
"""Is told how many bytes have gone their way, and of how many."""


class BlendGone(FarmError):
    """The blend of a job that is to be sent is not with the farm (any more)."""


class PartlyQueued(FarmError):
    """Only some of a job's tasks are queued. It stays, with its blend, for them."""


class Unreachable(FarmError):
    """The farm's server is out of reach or not up to it: the same may go well in a moment."""


@dataclass(frozen=True, slots=True)
class Details:
    """`frames` are written as people do, by the status of their task. `folder` is where they are, or, unless they are
    `here`, where `fetch` brings them. `fps`: how many of them make a second of a film.
    `image_format`: which they have, if that is known; `blend`: what they are made of, if it can be seen from here;
    `pace`: how fast they come, and `cost`: what one took, if that is known; `tiles`: how far those are that are
    rendered in tiles; `preflight`: what its sender was warned of."""

    job: Job
    frames: Mapping[str, str]
    failures: Sequence[Failure]
    warnings: Sequence[Warned]
    folder: Path
    fps: float
    here: bool = True
    image_format: str = ""
    blend: Path | None = None
    pace: Pace | None = None
    tiles: Sequence[Tiles] = ()
    preflight: Sequence[str] = ()
    cost: Cost | None = None

    def name_of(self, frame: int) -> str:
        """What the file of this frame is called. Raises FarmError if the farm doesn't tell its format."""
        if not self.image_format:
            raise FarmError(f"the farm doesn't tell in which format the frames of {self.job.name} are")
        return frame_name(frame, self.image_format)


@dataclass(frozen=True, slots=True)
class TilePicture:
    """A tile of a frame that is not finished; `picture`: the file of a small one, None as long as there is none."""

    part: Part
    picture: Path | None


def nobody(_done: int, _of: int) -> None:
    """Progress that nobody wants to know of."""


class Site(ABC):
    """Open from `with` to its end, as often as wanted, on any thread. All methods raise FarmError if they can't do what
    they should."""

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(self, *_: object) -> None: ...

    @abstractmethod
    def room_for(self, job_id: str) -> AbstractContextManager[Path]:
        """A folder for the blend of a new job, to be sent before this ends; what is not sent is removed."""

    @abstractmethod
    def send(self, job: NewJob, told: Progress = nobody) -> None:
        """Queues a job whose blend is in its `room_for`. Raises PartlyQueued if only a part of its tasks is queued: it
        is left as it is. After any other error nothing is left of it."""

    @abstractmethod
    def jobs(self) -> list[Job]:
        """All jobs, the newest first."""

    @abstractmethod
    def details(self, job: Job) -> Details: ...

    @abstractmethod
    def task(self, job_id: str, frame: int) -> TaskRecord:
        """What is known of the task that has this frame of the job."""

    @abstractmethod
    def retry(self, job_id: str, frames: Collection[int] | None = None) -> int:
        """Queues again what failed or was canceled; gives how many tasks are rendered again. `frames`: only tasks
        that have any of these."""

    @abstractmethod
    def cancel(self, job_id: str) -> None:
        """Nothing of it that is not begun will be rendered."""

    @abstractmethod
    def pause(self, job_id: str) -> None:
        """Nothing more of it is begun until `resume`."""

    @abstractmethod
    def resume(self, job_id: str) -> None: ...

    @abstractmethod
    def set_priority(self, job_id: str, priority: int) -> None:
        """It counts for all that is not begun."""

    @abstractmethod
    def set_name(self, job_id: str, name: str) -> None:
        """What people call it from now on; the folder of its frames keeps its place."""

    @abstractmethod
    def delete(self, job_id: str, *, frames: bool) -> None:
        """The farm forgets the job, and deletes its blend and, if told so, its frames."""

    @abstractmethod
    def workers(self) -> list[Worker]:
        """All that have been heard, by their ids."""

    @abstractmethod
    def worker(self, id: str) -> tuple[Worker, list[Event]]:
        """One of them, and what has happened to it, the newest first."""

    @abstractmethod
    def order(self, worker: str, do: str) -> None:
        """Tells it to do one of `orders.ORDERS`."""

    @abstractmethod
    def log_of(self, job_id: str, frame: int) -> str:
        """The end of what Blender printed for the task that has this frame, as its worker has kept it."""

    @abstractmethod
    def frames(self, job_id: str) -> list[FrameFile]:
        """The frames that are there, in the order of their numbers."""

    @abstractmethod
    def others(self, job_id: str) -> list[FrameFile]:
        """What was written with them and is there, in the same order."""

    @abstractmethod
    def bring(self, job_id: str, frame: FrameFile, place: Path) -> None:
        """Fills the file `place` with that frame, or with what was written with one. What is there of it already is its
        beginning; what it holds then is for the caller to prove."""

    @abstractmethod
    def picture(self, details: Details, frame: int, scratch: Path) -> Path:
        """A file with a picture of this frame, which is finished. One that must be brought first, small if the farm has
        a small one, is put into the folder `scratch`, and found there the next time."""

    def tiles(self, _job_id: str, _frame: int, _scratch: Path) -> list[TilePicture]:
        """Those of a frame that is rendered in tiles and not finished, as they are by now. Small pictures that must be
        brought first are put into the folder `scratch`, and found there the next time."""
        return []

    def size(self, job_id: str) -> int:
        """Bytes that its frames have, with all that was written with them."""
        return sum(file.size for file in (*self.frames(job_id), *self.others(job_id)))

    def find(self, beginning: str) -> Job:
        """The job whose id begins so."""
        found = [job for job in self.jobs() if job.id.startswith(beginning)]
        exact = [job for job in found if job.id == beginning]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if found:
            raise FarmError(f"{len(found)} jobs begin with {beginning}; write more of the id")
        raise FarmError(f"there is no job {beginning}; `list` shows those there are")


def state_of(job: Job) -> str:
    """Its status for people: a job that is paused or stopped says so while anything of it is left to do."""
    if job.status in OVER or not job.paused:
        return job.status
    return "Stopped" if job.stopped else "Paused"


def is_remote(config: WorkerConfig) -> bool:
    """Whether this farm's jobs are asked of its server over HTTP. With a shared disk that is so if a server keeps the
    books there: what others would write into the folders it would never know."""
    return not config.is_shared or (not config.is_local and (config.farm_dir / SERVED).exists())


def is_there(config: WorkerConfig) -> bool:
    """Whether there is anything of this farm yet: asking a farm on this machine makes what is missing, and a server
    that this machine has not joined would only say so."""
    if is_remote(config):
        return urlsplit(config.bender_url).password is not None
    return (config.farm_dir / FILE).exists() if config.is_local else config.blendpath.is_dir()


def site(config: WorkerConfig) -> Site:
    """The farm of these settings."""
    if is_remote(config):
        from .remote import RemoteSite

        return RemoteSite(config)
    if config.is_local:
        from .local import LocalSite

        return LocalSite(config)
    from .shared import SharedSite

    return SharedSite(config)
