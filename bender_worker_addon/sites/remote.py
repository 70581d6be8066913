# SPDX-License-Identifier: GPL-3.0-or-later
"""RemoteSite: the farm over HTTP, wherever its server is. Nothing is shared with it on a disk."""

import itertools
import logging
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..core import preview
from ..core.errors import FarmError
from ..farm import frame_list
from ..farm.books import Job
from ..farm.frame_files import FrameFile
from ..farm.new_job import NewJob
from ..farm.tasks import TaskRecord
from ..farm.tiles import Part
from ..farm.workers import Event, Worker
from ..settings.config import WorkerConfig
from ..settings.tls import Tls
from ..system import hashing
from ..system.files import discard_folder, move, remove
from . import answers
from .answers import all_of, understood
from .client import Client, Refused
from .luggage import Luggage
from .pieces import sent_in_pieces
from .site import Details, Progress, Site, TilePicture, Unreachable, nobody

log = logging.getLogger(__name__)

_FETCHED = "fetched"  # in the worker's own folder: frames of jobs, a folder each
_TIMES = 3  # that a blend is sent
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before what broke off is tried again


class RemoteSite(Site):
    def __init__(self, config: WorkerConfig) -> None:
        self._client = Client(config.bender_url, Tls.of(config))
        self._has_frames = config.is_shared
        self._frames = config.outpath if config.is_shared else config.data_dir / _FETCHED

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @contextmanager
    def room_for(self, job_id: str) -> Iterator[Path]:
        """On this machine. Whether the farm takes jobs is asked before anybody packs one."""
        if self._knows(job_id):
            raise FarmError(f"there is a job {job_id} already; give this one another id")
        try:
            room = Path(tempfile.mkdtemp(prefix="bender-send-"))
        except OSError as error:
            raise FarmError(f"there is no room for the blend on this machine: {error.strerror}") from error
        try:
            self._room = room
            yield room
        finally:
            discard_folder(room)

    def send(self, job: NewJob, told: Progress = nobody) -> None:
        """Its files go first, piece by piece; a job is one only when they are whole. A server that was started anew
        meanwhile wants the blend again."""
        luggage = Luggage(self._room)
        for _ in range(_TIMES):
            luggage.send(self._client, told, _persistently)
            for file in sorted(path for path in self._room.iterdir() if path.is_file()):
                self._put(job.id, file, told)
            try:
                return self._announce(job)
            except Refused as refusal:
                if refusal.status != HTTPStatus.PRECONDITION_FAILED:
                    raise
                trouble = refusal
        raise trouble

    def _put(self, job_id: str, file: Path, told: Progress) -> None:
        path = f"/api/jobs/{job_id}/files/{quote(file.name, safe='')}"
        if sent_in_pieces(self._client, path, file, told):
            return
        headers = {"X-Blake2b": _hash(file)}
        _persistently(lambda: self._client.put(path, file, headers, told))

    def jobs(self) -> list[Job]:
        return understood(all_of(answers.job), self._client.ask("GET", "/api/jobs"))

    def details(self, job: Job) -> Details:
        told = self._client.ask("GET", f"/api/jobs/{job.id}")
        return Details(
            understood(answers.job, told),
            understood(answers.frame_lists, told),
            understood(answers.failures, told),
            understood(answers.warnings, told),
            self._frames / job.id,
            understood(answers.fps, told),
            here=self._has_frames,
            image_format=understood(answers.image_format, told),
            pace=understood(answers.pace, told),
            preflight=understood(answers.preflight, told),
            tiles=understood(answers.tiles, told),
            cost=understood(answers.cost, told),
        )

    def task(self, job_id: str, frame: int) -> TaskRecord:
        return understood(answers.task, self._client.ask("GET", f"/api/jobs/{job_id}/frames/{frame}/task"))

    def retry(self, job_id: str, frames: Collection[int] | None = None) -> int:
        wanted = {} if frames is None else {"frames": frame_list.as_text(sorted(frames))}
        told = self._change(job_id, "/retry", **wanted)
        return understood(lambda told: answers.whole(told["tasks"]), told)

    def cancel(self, job_id: str) -> None:
        self._change(job_id, "/cancel")

    def pause(self, job_id: str) -> None:
        self._change(job_id, "/pause")

    def resume(self, job_id: str) -> None:
        self._change(job_id, "/resume")

    def set_priority(self, job_id: str, priority: int) -> None:
        self._change(job_id, "/priority", "PUT", priority=priority)

    def set_name(self, job_id: str, name: str) -> None:
        self._change(job_id, "/name", "PUT", name=name)

    def delete(self, job_id: str, *, frames: bool) -> None:
        self._change(job_id, "", "DELETE", frames=frames)

    def workers(self) -> list[Worker]:
        return understood(all_of(answers.worker), self._client.ask("GET", "/api/workers"))

    def worker(self, id: str) -> tuple[Worker, list[Event]]:
        told = self._client.ask("GET", f"/api/workers/{quote(id, safe='')}")
        return understood(answers.worker, told), understood(answers.events, told)

    def order(self, worker: str, do: str) -> None:
        self._client.ask("POST", f"/api/workers/{quote(worker, safe='')}/{do}")

    def log_of(self, job_id: str, frame: int) -> str:
        number = self.task(job_id, frame).number
        return self._client.text(f"/api/jobs/{job_id}/tasks/{number}/log")

    def frames(self, job_id: str) -> list[FrameFile]:
        told = self._client.ask("GET", f"/api/jobs/{job_id}/frames")
        return understood(all_of(answers.frame), told)

    def others(self, job_id: str) -> list[FrameFile]:
        told = self._client.ask("GET", f"/api/jobs/{job_id}/others")
        return understood(all_of(answers.frame), told)

    def bring(self, job_id: str, frame: FrameFile, place: Path) -> None:
        what = f"others/{quote(frame.name)}" if "/" in frame.name else f"frames/{frame.number}"
        path = f"/api/jobs/{job_id}/{what}"
        _persistently(lambda: self._client.get(path, place, size=frame.size))

    def picture(self, details: Details, frame: int, scratch: Path) -> Path:
        """The frame, if it was fetched; else the farm's preview of it, or, where there is none, the whole frame."""
        name = details.name_of(frame)
        brought = details.folder / name, scratch / preview.name_of(frame), scratch / name
        found = next((place for place in brought if place.is_file()), None)
        return found or self._bring_picture(details.job.id, frame, brought[1], brought[2])

    def tiles(self, job_id: str, frame: int, scratch: Path) -> list[TilePicture]:
        told = self._client.ask("GET", f"/api/jobs/{job_id}/frames/{frame}/tiles")
        return [TilePicture(part, self._tile(job_id, part, scratch)) for part in understood(all_of(answers.part), told)]

    def _tile(self, job_id: str, part: Part, scratch: Path) -> Path | None:
        """None too if the farm has no picture of it, which is answered by nothing."""
        if part.status != "Finished":
            return None
        place = scratch / f"{part.task}.jpg"
        if place.is_file():
            return place
        arriving = place.with_suffix(".part")
        remove(arriving)
        self._client.get(f"/api/jobs/{job_id}/tiles/{part.task}", arriving, size=preview.MOST)
        if not arriving.stat().st_size:
            return None
        move(arriving, place)
        return place

    def _bring_picture(self, job_id: str, frame: int, small: Path, whole: Path) -> Path:
        place, part = small, small.with_name(f".{small.name}.part")
        remove(part)
        try:
            self._client.get(f"/api/jobs/{job_id}/previews/{frame}", part, size=preview.MOST)
        except Refused as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise
            file = next((file for file in self.frames(job_id) if file.number == frame), None)
            if file is None:
                raise FarmError(f"frame {frame} is not with the farm any more") from refusal
            place = whole
            self.bring(job_id, file, part)
        move(part, place)
        return place

    def _change(self, job_id: str, what: str, method: str = "POST", **told: Any) -> Any:
        return self._client.ask(method, f"/api/jobs/{job_id}{what}", told)

    def _announce(self, job: NewJob) -> None:
        """If the answer was lost on its way, the farm may know the job already."""
        regions = [str(region) for region in job.regions]
        told = {
            **asdict(job),
            "frames": frame_list.as_text(job.frames),
            "regions": regions,
            "tail": str(job.tail or ""),
        }
        del told["folder"]  # where frames go there is the farm's own affair
        tries = itertools.count()

        def announce() -> None:
            if not next(tries) or not self._knows(job.id):
                self._client.ask("POST", "/api/jobs", told)

        _persistently(announce)

    def _knows(self, job_id: str) -> bool:
        try:
            self._client.ask("GET", f"/api/jobs/{job_id}")
        except Refused as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise
            return False
        return True


def _persistently(work: Callable[[], None]) -> None:
    """What breaks off is tried again, a few times."""
    for pause in _PAUSES:
        try:
            return work()
        except Unreachable as error:
            log.info("%s; again in %g s", error, pause)
            time.sleep(pause)
    return work()


def _hash(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashing.of(opened)
    except OSError as error:
        raise FarmError(f"{file} can't be read: {error.strerror}") from error
