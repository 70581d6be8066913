# SPDX-License-Identifier: GPL-3.0-or-later
"""Farm: what the web side asks of the farm: its jobs, tasks and files. Its methods block; any thread may call them."""

import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..core import preview, tile
from ..core.frame import frame_name
from ..core.luggage import LIST, Listed, is_blend
from ..core.luggage import is_safe as is_luggage
from ..core.names import SAFE_ID
from ..core.other_files import is_safe
from ..core.task import Task
from ..farm import books, frames_folder, outlook, stored, tiles, workers
from ..farm.books import Job
from ..farm.contents import Contents, Lost, listed_in
from ..farm.database import Database
from ..farm.new_job import NewJob
from ..farm.outlook import Outlook
from ..farm.tiles import Part
from ..farm.workers import Worker
from ..settings.config import WorkerConfig
from ..sites.local import LocalSite
from ..sites.site import BlendGone
from ..system.durable import make_durable
from ..system.files import remove
from ..system.folders import make_folder, remove_empty
from .blends import Blends
from .orders import Link, Orders

_T = TypeVar("_T")

_ANY_NAME = "scene.blend"  # for workers, of a blend that has none for all systems
_SHOWN_BY_BROWSERS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "BMP": "image/bmp",
}

_AT_ONCE = 64  # frames that are put in their place
_PATIENCE = 5.0  # seconds to wait for another program that holds the books, while somebody waits for an answer


@dataclass(frozen=True, slots=True)
class Expected:
    """A frame that a worker may send, or a tile of one: `path` is its place."""

    job_id: str
    task_id: str
    number: int
    path: Path
    is_tile: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """What a browser can show of a frame. `size` in bytes; `version` is another whenever the picture is."""

    path: Path
    media_type: str
    size: int
    version: str


class Farm:
    """`changed` is called when something was changed here; `link` leads to workers elsewhere."""

    def __init__(
        self, config: WorkerConfig, *, changed: Callable[[], None], link: Callable[[], Link | None] = lambda: None
    ) -> None:
        self._config = config
        self._changed = changed
        self._mine = threading.local()
        self._sending = threading.Lock()
        self._storing = [threading.Lock() for _ in range(_AT_ONCE)]  # one for each frame; others may have the same
        self.is_closing = False  # whoever still listens is to go
        self.contents = Contents(config.blendpath)
        self.orders = Orders(lambda: self.database, link)
        self.blends = Blends(config.blendpath)

    @property
    def frames(self) -> Path:
        return self._config.outpath

    @property
    def jobs(self) -> Path:
        """The folder that has one for each job, with its blend."""
        return self._config.blendpath

    @property
    def keep_free(self) -> int:
        """Bytes of its disk that nothing that comes is to fill."""
        return int(self._config.disklimit * 1e9)

    @property
    def database(self) -> Database:
        """The calling thread's own."""
        if not hasattr(self._mine, "database"):
            self._mine.database = Database(self._config.farm_dir, durable=True, patience=_PATIENCE)
        database: Database = self._mine.database
        return database

    def room_for(self, job_id: str) -> Path:
        """The folder in which the files of a job arrive that is about to be sent."""
        return self._config.blendpath / f".new-{job_id}"

    def blend(self, job_id: str) -> Path | None:
        """The job's blend, if there is one."""
        if not SAFE_ID.fullmatch(job_id):
            return None
        with self.database.looking() as connection:
            found = books.head_of(connection, job_id)
        if found is None:
            return None
        blend = self._config.blendpath / job_id / Path(found["paths"]["blend"]).name
        return blend if blend.is_file() else None

    def listed(self, job_id: str) -> Listed | None:
        """What the job's folder holds, if there is such a job with a blend."""
        blend = self.blend(job_id)
        if blend is None:
            return None
        return Listed(blend.name if is_blend(blend.name) else _ANY_NAME, listed_in(blend.parent))

    def has_luggage(self, job_id: str) -> bool:
        return (self._config.blendpath / job_id / LIST).exists()

    def luggage(self, job_id: str, name: str) -> Path | None:
        """Such a file of a job, if it has it."""
        if not SAFE_ID.fullmatch(job_id) or not is_luggage(name):
            return None
        path = self._config.blendpath.joinpath(job_id, *name.split("/"))
        return path if path.is_file() and not path.is_symlink() else None

    def previews(self, job_id: str) -> Path:
        """The folder of the previews of a job that there is."""
        return self._config.blendpath / job_id / preview.FOLDER

    def frames_of(self, job_id: str) -> Path | None:
        """The folder of a job's frames, if there is such a job."""
        with self.database.looking() as connection:
            found = books.head_of(connection, job_id)
        return None if found is None else frames_folder.of(found, self.frames)

    def job_status(self, job_id: str) -> str | None:
        """One of bender's statuses of a job; None if there is no such job."""
        with self.database.looking() as connection:
            return books.status(connection, job_id)

    def expected(self, job_id: str, task_id: str, name: str) -> Expected | None:
        """The frame of this file name, if it is one of that task."""
        with self.database.looking() as connection:
            body, is_tile = books.task(connection, job_id, task_id), tiles.is_one(connection, job_id, task_id)
        if body is None:
            return None
        task = Task.from_json(body)
        numbers = {frame_name(number, task.image_format): number for number in task.frames}
        folder = tile.folder_of(self.jobs, job_id, task_id) if is_tile else self.frames / job_id
        return Expected(job_id, task_id, numbers[name], folder / name, is_tile) if name in numbers else None

    def tile(self, job_id: str, task_id: str) -> Path | None:
        """The file of a tile, as long as its picture is not finished."""
        with self.database.looking() as connection:
            body = books.task(connection, job_id, task_id) if tiles.is_one(connection, job_id, task_id) else None
        if body is None:
            return None
        task = Task.from_json(body)
        path = tile.folder_of(self.jobs, job_id, task_id) / frame_name(task.frames[0], task.image_format)
        return path if path.is_file() else None

    def store(self, arrived: Path, expected: Expected, *, size: int, digest: str) -> None:
        """Puts a whole frame that has arrived in its place, unless it has one: see `stored`. Raises OSError."""
        which = (expected.job_id, expected.task_id, expected.number)
        with self._storing[hash(which) % len(self._storing)]:
            with self.database.looking() as connection:
                before = stored.size_of(connection, *which)
            if before is not None and _has_size(expected.path, before):
                return
            make_folder(expected.path.parent, shared=False)
            make_durable(arrived, expected.path)
            with self.database.changing() as connection:
                is_known = stored.note(connection, *which, size=size, digest=digest)
                if is_known:
                    books.has_changed(connection, expected.job_id)
            if not is_known:  # its job was deleted meanwhile
                remove(expected.path)
                above = self.jobs / expected.job_id if expected.is_tile else expected.path.parent
                remove_empty(above, [expected.path])
                raise FileNotFoundError(f"there is no task {expected.task_id} any more")

    def has_stored(self, job_id: str, task_id: str) -> bool:
        """Whether all frames of a task are in their place."""
        with self.database.looking() as connection:
            return stored.has_all(connection, job_id, task_id)

    def place_of_other(self, job_id: str, task_id: str, name: str) -> Path | None:
        """Of a file that a task of the job may write besides its frames; None if it may not."""
        with self.database.looking() as connection:
            known = books.task(connection, job_id, task_id) is not None
        return self.frames.joinpath(job_id, *name.split("/")) if known and is_safe(name) else None

    def jobs_since(self, version: tuple[int, int] | None) -> tuple[tuple[int, int], list[Job]]:
        """A version of the books that is another with any change of a job, and all jobs; none if it still is
        `version`."""
        with self.database.looking() as connection:
            now = books.version(connection)
            return now, [] if now == version else books.jobs(connection)

    def workers_since(self, heard: tuple[int, float] | None) -> tuple[tuple[int, float], list[Worker]]:
        """What is another when any worker was heard again, and all workers; none if it still is `heard`."""
        with self.database.looking() as connection:
            now = workers.heard(connection)
            return now, [] if now == heard else workers.workers(connection)

    def outlook(self, job: Job) -> Outlook:
        """How a job gets on."""
        with self.database.looking() as connection:
            return outlook.outlook(connection, job)

    def picture(self, job_id: str, number: int) -> Picture | None:
        """Of a frame of a job that there is: its preview, else itself if browsers show its format; None if there is
        neither (yet)."""
        found = self.preview(job_id, number)
        folder = self.frames_of(job_id)
        if found is not None or folder is None:
            return found
        kinds = {folder / frame_name(number, kind): media_type for kind, media_type in _SHOWN_BY_BROWSERS.items()}
        pictures = (_picture(path, media_type) for path, media_type in kinds.items())
        return next((picture for picture in pictures if picture is not None), None)

    def preview(self, job_id: str, number: int) -> Picture | None:
        """The same of its preview alone."""
        return _picture(self.previews(job_id) / preview.name_of(number), "image/jpeg")

    def tiles_of(self, job_id: str, number: int) -> list[Part]:
        """Those of a frame of a job that is not finished."""
        with self.database.looking() as connection:
            return tiles.parts(connection, job_id, number)

    def is_tile(self, job_id: str, task_id: str) -> bool:
        """Whether that is the task of a tile of the job."""
        with self.database.looking() as connection:
            return tiles.is_one(connection, job_id, task_id)

    def preview_of_tile(self, job_id: str, task_id: str) -> Picture | None:
        """Its preview, if there is one."""
        return _picture(tile.folder_of(self.jobs, job_id, task_id) / preview.OF_TILE, "image/jpeg")

    def prepare_outlooks(self) -> None:
        """Before the first one; later it costs nothing."""
        with self.database.changing() as connection:
            outlook.prepare(connection)

    def send(self, job: NewJob) -> None:
        """Makes a job of what has arrived in its room. Raises ValueError for a list of luggage that can't be meant;
        FarmError, BlendGone if something has not."""
        with self._sending:  # of two who send the same one comes too late
            try:
                self.contents.put_into(self.room_for(job.id))
            except Lost as error:
                raise BlendGone(f"{error} of job {job.id} is not here (any more): send it again") from error
            self.change(lambda site: site.send(job))

    def ask(self, what: Callable[[LocalSite], _T]) -> _T:
        """What a site of the farm's answers."""
        with LocalSite(self._config, patience=_PATIENCE, keeps_files=False) as site:
            return what(site)

    def change(self, what: Callable[[LocalSite], _T]) -> _T:
        """Lets a site of the farm's change something; gives what it answers."""
        answer = self.ask(what)
        self._changed()
        return answer


def _picture(path: Path, media_type: str) -> Picture | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    version = f"{found.st_mtime_ns:x}-{found.st_size:x}"
    return Picture(path, media_type, found.st_size, version) if stat.S_ISREG(found.st_mode) else None


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False
