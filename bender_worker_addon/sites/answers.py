# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers: what a farm's server tells as JSON, read into the farm's own words. Nothing of it is believed: what can't be
understood is a FarmError, and what is for people holds nothing that would steer a terminal."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from ..core.errors import FarmError
from ..core.frame import FORMATS
from ..core.names import SAFE_ID, WINDOWS_OWN
from ..farm.books import Failure, Job, Warned
from ..farm.frame_files import FrameFile, file_of
from ..farm.pace import Pace
from ..farm.tasks import TaskRecord, output_of
from ..farm.tile_cost import Cost
from ..farm.tiles import Part
from ..farm.tiles import Progress as Tiles
from ..farm.workers import HERE, Event, Worker
from .client import printable

_T = TypeVar("_T")

_LEVELS = 8  # of what a worker tells of itself
_LINES = 1000  # of what a Blender has printed
_LARGEST = 1 << 53


def understood(read: Callable[[Any], _T], told: Any) -> _T:
    """What is read of it. Raises FarmError."""
    try:
        return read(told)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FarmError("the farm's answer can't be understood; has it another version of Bender Worker?") from error


def all_of(read: Callable[[Any], _T]) -> Callable[[Any], list[_T]]:
    def read_all(told: Any) -> list[_T]:
        if not isinstance(told, list):
            raise TypeError("no list")
        return [read(one) for one in told]

    return read_all


def job(told: Any) -> Job:
    frames = {_text(status): whole(count) for status, count in told["frames"].items()}
    if not SAFE_ID.fullmatch(told["id"]):  # it goes into paths
        raise ValueError("no id")
    return Job(
        told["id"],
        _text(told["name"]),
        _text(told["created"]),
        _text(told["status"]),
        whole(told["priority"]),
        frames,
        told.get("paused") is True,
        _text(told.get("person", "")),
        _text(told.get("stopped", "")),
        whole(told.get("tiles", 0)),
        whole(told.get("tiles_done", 0)),
        _text(told.get("blender", "")),
    )


def frame_lists(told: Any) -> dict[str, str]:
    return {_text(status): _frames(frames) for status, frames in told["frame_lists"].items()}


def failures(told: Any) -> list[Failure]:
    return [
        Failure(_frames(one["frames"]), _text(one["reason"]), _text(one.get("worker", ""))) for one in told["failures"]
    ]


def warnings(told: Any) -> list[Warned]:
    return [Warned(_frames(one["frames"]), _text(one["words"])) for one in told.get("warnings", ())]


def preflight(told: Any) -> list[str]:
    return [_text(words) for words in told.get("preflight", ())]


def task(told: Any) -> TaskRecord:
    timings = {_text(name): _seconds(value) for name, value in told["timings"].items()}
    return TaskRecord(
        whole(told["number"]),
        _text(told["id"]),
        _frames(told["frames"]),
        _text(told["status"]),
        worker=_text(told["worker"]),
        start=_text(told["start"]),
        finish=_text(told["finish"]),
        device=_text(told["device"]),
        timings=timings,
        error=_text(told["error"]),
        warnings="\n".join(_text(line) for line in told.get("warnings", "").splitlines()[:_LINES]),
        output=output_of(_text(line) for line in told["output"].splitlines()[:_LINES]),
    )


def cost(told: Any) -> Cost | None:
    found = told.get("cost")
    return None if found is None else Cost(_seconds(found["render"]), _seconds(found["each"]))


def tiles(told: Any) -> list[Tiles]:
    return [Tiles(whole(one["frame"]), whole(one["done"]), whole(one["of"])) for one in told.get("in_tiles", ())]


def part(told: Any) -> Part:
    edges = [whole(told[edge]) for edge in ("left", "bottom", "right", "top")]
    task = _text(told["task"])
    if not SAFE_ID.fullmatch(task) or WINDOWS_OWN.fullmatch(task):  # it goes into paths
        raise ValueError("no task's id")
    if not (edges[0] < edges[2] and edges[1] < edges[3]):
        raise ValueError("an empty region")
    return Part(task, _text(told["status"]), *edges)


def fps(told: Any) -> float:
    fps = told["fps"]
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps < math.inf:
        raise ValueError("no speed")
    return fps


def image_format(told: Any) -> str:
    """Of its frames; "" if a server doesn't tell it, or knows one that we don't."""
    scene = told.get("scene")
    found = scene.get("image_format") if isinstance(scene, dict) else None
    return found if isinstance(found, str) and found in FORMATS else ""


def pace(told: Any) -> Pace | None:
    found = told.get("pace")
    if found is None:
        return None
    last = datetime.fromisoformat(found["last"])
    if last.tzinfo is None:
        raise ValueError("no moment")
    return Pace(_seconds(found["seconds"]), last)


def worker(told: Any) -> Worker:
    seen = _moment(told["seen"])
    hello = told.get("hello")
    return Worker(
        _text(told["id"]),
        seen,
        _shallow(hello, _LEVELS) if isinstance(hello, dict) else {},
        _text(told.get("presence", HERE)),
    )


def events(told: Any) -> list[Event]:
    return [
        Event(_moment(one["at"]), *(_text(one[name]) for name in ("what", "job", "frames", "words")))
        for one in told["events"]
    ]


def _moment(told: Any) -> float:
    if isinstance(told, bool) or not isinstance(told, int | float) or not math.isfinite(told):
        raise ValueError("no time")
    return float(told)


def _seconds(told: Any) -> float:
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told < math.inf:
        raise ValueError("no seconds")
    return float(told)


def frame(told: Any) -> FrameFile:
    return file_of(told["number"], told["name"], told["size"], told["hash"])


def whole(told: Any) -> int:
    if isinstance(told, bool) or not isinstance(told, int) or abs(told) > _LARGEST:
        raise ValueError("no number")
    return told


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise TypeError("no text")
    return printable(told)


def _frames(told: Any) -> str:
    """Frames as people write them, however many."""
    if not isinstance(told, str) or not told.isascii() or not told.isprintable():
        raise ValueError("no frames")
    return told


def _shallow(told: Any, levels: int) -> Any:
    """What is nested deeper is left out: it could not be written again."""
    if isinstance(told, dict):
        return {printable(key): _shallow(value, levels - 1) for key, value in told.items()} if levels else {}
    if isinstance(told, list):
        return [_shallow(value, levels - 1) for value in told] if levels else []
    return printable(told) if isinstance(told, str) else told
