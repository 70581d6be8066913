# SPDX-License-Identifier: GPL-3.0-or-later
"""Tile cost: what a frame of a job took, measured, and into how many tiles one like it is cut best."""

import math
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from ..core.tile import MOST, Picture, pixels_for_one
from .tasks import timings_of

_LAST = 200  # tasks
_BESIDE = ("sync", "write", "check", "store", "upload")  # what a task takes besides rendering, whatever it renders
_SHORTEST = 10.0  # seconds of a frame: until the tiles of one are on their way, and put together, some of them pass
_UNKNOWN = 4  # tiles for each that renders, where nothing was measured

_FINISHED = (
    "SELECT task.frame_count, json_extract(task.body, '$.data.timings'), tile.frame_task FROM task"
    " LEFT JOIN tile ON tile.job = task.job AND tile.task = task.id WHERE task.job = ? AND task.status = 'Finished'"
    " AND NOT EXISTS (SELECT 1 FROM tile AS part WHERE part.job = task.job AND part.frame_task = task.id)"
    " ORDER BY task.number DESC LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds: `render` of a whole frame, by one that renders; `each`: what every task takes besides, as making the
    scene ready."""

    render: float
    each: float


def of(connection: sqlite3.Connection, job: str) -> Cost | None:
    """Of the frames of a job that were rendered last, whole ones or tile by tile; None if that is not known."""
    rendered: dict[object, float] = {}
    beside, tasks, frames = 0.0, 0, 0
    for count, told, picture in connection.execute(_FINISHED, (job, _LAST)):
        timings = timings_of(told)
        if "render" not in timings:
            continue
        tasks, frames = tasks + 1, frames + count
        beside += _beside(timings) / max(count, 1)
        rendered[picture] = rendered.get(picture, 0.0) + timings["render"]
    if not tasks:
        return None
    wholes = rendered.pop(None, 0.0)
    of_one = wholes / frames if frames else sum(rendered.values()) / len(rendered)
    return Cost(of_one, beside / tasks)


def best_count(*, renderers: int, frames: int, cost: Cost | None, picture: Picture | None = None) -> int:
    """Into how many tiles each of so many frames is cut, for so many that render side by side; 1 for none.

    A smaller tile has the last one end sooner after the others, by half of what it takes; a larger one is paid for less
    often. Both together are least where n**2 = render * renderers / (2 * each * frames); at fewer, where tiles of the
    `picture` have a margin, which is the dearer the smaller they are.
    """
    if cost is None:
        best = _UNKNOWN * renderers / frames
    else:
        best = math.sqrt(cost.render * renderers / (2 * max(cost.each, 0.01) * frames))
    if best < 2:
        return 1
    in_rounds = renderers * math.ceil(best / renderers)  # all of them end together
    most = min(in_rounds if frames == 1 else math.ceil(best), MOST)
    if picture is None or not picture.margin:
        return most
    first, step = (min(renderers, most), renderers) if frames == 1 else (2, 1)

    def seconds(tiles: int) -> float:
        render, each = (cost.render, cost.each) if cost else (1.0, 0.0)
        render *= pixels_for_one(picture, tiles)
        return frames * (render + tiles * each) / renderers + render / (2 * tiles)

    return min(range(first, most + 1, step), key=seconds)


def best_count_of_last(*, renderers: int, frames: int, cost: Cost, picture: Picture) -> int:
    """The same of the last of many frames, no more than render side by side.

    As wholes they keep those that render waiting for half the time of a frame, on average. In n tiles, if n is best,
    what these take besides and the wait for the last one are the n-th part of that time: from two on it is worth it.
    """
    if cost.render < _SHORTEST:
        return 1
    return best_count(renderers=renderers, frames=frames, cost=cost, picture=picture)


def _beside(timings: Mapping[str, float]) -> float:
    return sum(timings.get(name, 0.0) for name in _BESIDE)
