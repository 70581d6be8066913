# SPDX-License-Identifier: GPL-3.0-or-later
"""New job: what is asked of a farm, and how that is written in bender's `data.json` and in its tasks."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..core import tile
from ..core.errors import FarmError
from ..core.job import PREFLIGHT, preflight_of
from ..core.names import SAFE_ID, WINDOWS_OWN
from ..core.task import COLORS, FOLDER, REGION
from ..core.tile import Picture, Region
from . import frame_list
from .books import TAIL, now
from .tiles import ONE_KIND

_TAKEN = "worker"  # /job/worker/… is what workers ask of a server of bender's
_MOMENTS = ("queued", "start", "finish", "error", "abort", "pause")


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task that is to be rendered. `frames` as people write them, `body` its JSON. One with a `frame_task` renders a
    tile of its picture, and counts no frame; that `waits` for its tiles."""

    id: str
    frames: str
    frame_count: int
    body: str
    frame_task: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class SceneFacts:
    """What a job's `data.json` says of its scene. `version` is that of the Blender that has written the blend; `fps` /
    `fps_base` are the frames a second."""

    version: str
    engine: str
    width: int
    height: int
    scale: int
    fps: int
    step: int
    fps_base: float = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """`blend`: the file's name. `frames` ascend; a task has at most `chunk` of them. A higher `priority` goes first.
    `folder`: where its frames go, on a farm on this machine; else into one of its id. `person`: who sends it, "" if
    nobody knows. `colors`: the fingerprint of the sender's OCIO configuration, "" if that is not known. `regions`: into
    what tiles each frame is cut; none if each is rendered by one worker. `one_kind`: tiles of a picture are rendered on
    one kind of device. `tail`: what each frame is, if the last ones may be cut where machines would stand idle; see
    `tail.py`. `preflight`: what its sender was warned of, a sentence each."""

    name: str
    blend: str
    frames: Sequence[int]
    image_format: str
    scene: SceneFacts
    chunk: int = 1
    priority: int = 0
    folder: Path | None = None
    person: str = ""
    colors: str = ""
    regions: Sequence[Region] = ()
    one_kind: bool = False
    tail: Picture | None = None
    preflight: Sequence[str] = ()
    id: str = field(default_factory=lambda: _new_id())


def job_id(text: str) -> str:
    """An id as people may choose it. Raises FarmError for what could be none."""
    if not SAFE_ID.fullmatch(text) or text.lower() == _TAKEN:
        raise FarmError(f"a job's id is 1 to 64 of A-Z a-z 0-9 _ -, and not {_TAKEN!r}; found {text!r}")
    if WINDOWS_OWN.fullmatch(text):
        raise FarmError(f"{text!r} can be no job's id: Windows keeps that name for a device; give it another")
    return text


def head(job: NewJob, *, jobs: Path, outpath: Path) -> dict[str, Any]:
    """Its data.json without status and tasks."""
    folder, scene = jobs / job.id, job.scene
    return {
        "id": job.id,
        "animation": len(job.frames) > 1,
        "paths": {
            "upload": str(folder),
            "data": str(folder / "data.json"),
            "blend": str(folder / job.blend),
            "frames": str(job.folder or outpath / job.id),
            "filename": job.blend,
        },
        "email": "",
        "version": scene.version,
        "time": {"creation": now(), "finish": None, "error": None},
        "data": {
            "name": job.name,
            "priority": str(job.priority),
            **_own_folder(job),
            **_one_kind(job),
            **_tail(job),
            **_preflight(job),
        },
        "history": {},
        "resolution": {"x": scene.width, "y": scene.height, "scale": scene.scale},
        "render": {
            "renderer": scene.engine,
            "cuda": False,
            "device": "",
            "image_format": job.image_format,
            "uses_compositing": False,
            "fps": scene.fps,
            "fps_base": scene.fps_base,
        },
        # All five as whole numbers, or bender's own programs read nothing of the job at all.
        "frames": {
            "start": job.frames[0],
            "end": job.frames[-1],
            "current": job.frames[0],
            "step": max(scene.step, 1),
            "fps": scene.fps,
        },
    }


def tasks(job: NewJob) -> list[NewTask]:
    """Those of frames, in their order, then those of tiles."""
    if len(job.regions) < 2:
        return [_task(job, frames) for frames in frame_list.chunks(job.frames, job.chunk)]
    pictures = [replace(_task(job, [frame]), waits=True) for frame in job.frames]
    return pictures + [part for picture in pictures for part in tiles(picture.body.encode(), job.regions)]


def tiles(picture: bytes, regions: Sequence[Region]) -> list[NewTask]:
    """The tasks of the tiles of a picture, by what is known of its own task."""
    whole = json.loads(picture)
    (frame,) = map(int, whole["command"]["Blender"]["frame"])
    data = {key: whole["data"][key] for key in (FOLDER, COLORS) if key in whole["data"]}
    made = (_new_task(whole["parent_id"], [frame], tile.FORMAT, {**data, REGION: str(region)}) for region in regions)
    return [replace(one, frame_count=0, frame_task=whole["id"]) for one in made]


def _own_folder(job: NewJob) -> dict[str, str]:
    return {} if job.folder is None else {FOLDER: str(job.folder)}


def _one_kind(job: NewJob) -> dict[str, str]:
    return {ONE_KIND: "yes"} if job.one_kind else {}


def _tail(job: NewJob) -> dict[str, str]:
    return {} if job.tail is None or job.regions or job.chunk > 1 else {TAIL: str(job.tail)}


def _preflight(job: NewJob) -> dict[str, str]:
    warnings = preflight_of(job.preflight)
    return {PREFLIGHT: warnings} if warnings else {}


def _new_id() -> str:
    return uuid.uuid4().hex


def _task(job: NewJob, frames: Sequence[int]) -> NewTask:
    data = {**_own_folder(job), **({COLORS: job.colors} if job.colors else {})}
    return _new_task(job.id, frames, job.image_format, data)


def _new_task(job: str, frames: Sequence[int], image_format: str, data: Mapping[str, str]) -> NewTask:
    wire = {
        "id": _new_id(),
        "status": "Waiting",
        "time": {"creation": now(), **dict.fromkeys(_MOMENTS)},
        "command": {
            "Blender": {
                "frame": {str(frame): {"filesize": None, "hash": None, "uploaded": False} for frame in frames},
                "image_format": image_format,
                "blendfile": None,
                "outpath": None,
                "command": None,
            }
        },
        "data": dict(data),
        "parent_id": job,
    }
    return NewTask(str(wire["id"]), frame_list.as_text(frames), len(frames), json.dumps(wire))
