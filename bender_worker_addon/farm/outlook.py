# SPDX-License-Identifier: GPL-3.0-or-later
"""Outlook: when a job will be done, by how its last tasks went, and which of its frames came last. Each works inside a
transaction of the Database."""

import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from . import books

_LOOKED_AT = 300  # tasks: the last that were finished
_LATEST = 30  # of those: among them one may be found of which there is a picture
_WAITING = ("Waiting", "Queued", "Paused")
_ROUNDS = 4  # tasks of each worker from which on it counts how fast they come, and not how long all took
_PATIENCE = 5.0  # seconds after which a job of which nothing is rendered has been left

_FINISH = "json_extract(body, '$.time.finish')"
_OF_TILES = "(SELECT count(*) FROM tile AS one WHERE one.job = {0}.job AND one.frame_task = {0}.{1})"
# Of a picture in tiles these are the work, each so much of a frame, and to put it together is none.
_SHARE = (
    "CASE WHEN tile.task IS NOT NULL THEN 1.0 / " + _OF_TILES.format("tile", "frame_task") + " WHEN"
    " EXISTS (SELECT 1 FROM tile AS part WHERE part.job = task.job AND part.frame_task = task.id) THEN 0"
    " ELSE frame_count END"
)
_LEFT_IN_TILES = (
    "SELECT task.status, count(*), sum(1.0 / " + _OF_TILES.format("tile", "frame_task") + ") FROM tile"
    " JOIN task ON task.job = tile.job AND task.id = tile.task"
    " JOIN task AS whole ON whole.job = tile.job AND whole.id = tile.frame_task"
    " WHERE tile.job = ? AND whole.status IN ('Waiting', 'Queued', 'Running', 'Paused') GROUP BY task.status"
)
_PICTURES = (
    "SELECT status, count(*) FROM task WHERE job = ? AND id IN (SELECT frame_task FROM tile WHERE tile.job = task.job)"
    " GROUP BY status"
)


@dataclass(frozen=True, slots=True)
class Outlook:
    """`ends`: when the job will be done, in seconds of the system's clock; None where nobody can know. `latest`: frames
    that were finished last, the newest first, which was at `newest_at`; `why`: what was said of the first that failed,
    "" if none has."""

    ends: float | None
    latest: tuple[int, ...]
    newest_at: float | None
    why: str


@dataclass(frozen=True, slots=True)
class _Rendered:
    """`count`: how many frames that was, or what part of one."""

    frames: str
    count: float
    start: float
    finish: float


def prepare(connection: sqlite3.Connection) -> None:
    """Makes the index by which the last tasks are found; only a farm that somebody looks at needs it."""
    connection.execute(f"CREATE INDEX IF NOT EXISTS task_finished ON task (job, {_FINISH}) WHERE status = 'Finished'")


def outlook(connection: sqlite3.Connection, job: books.Job) -> Outlook:
    rows = connection.execute(
        f"SELECT frames, frame_count, {_SHARE}, json_extract(body, '$.time.start'), {_FINISH} FROM task"
        " LEFT JOIN tile ON tile.job = task.job AND tile.task = task.id"
        f" WHERE task.job = ? AND status = 'Finished' ORDER BY {_FINISH} DESC LIMIT ?",
        (job.id, _LOOKED_AT),
    )
    last, shown = [], []
    for frames, frame_count, share, start, finish in reversed(rows.fetchall()):
        rendered = _rendered(frames, share, start, finish)
        if rendered is not None:
            last.append(rendered)
            shown += [rendered] if frame_count else []  # a tile is no frame
    failures = books.failures(connection, job.id, most=1) if job.failed else []
    return Outlook(
        None if job.status in books.OVER or job.paused else ends(last, _left(connection, job), time.time()),
        tuple(int(task.frames.replace("-", ",").rpartition(",")[2]) for task in reversed(shown[-_LATEST:])),
        shown[-1].finish if shown else None,
        failures[0].reason if failures else "",
    )


def _left(connection: sqlite3.Connection, job: books.Job) -> Mapping[str, float]:
    """How many frames are left, by status. Of those in tiles it counts how many tiles are being rendered."""
    rows = connection.execute(_LEFT_IN_TILES, (job.id,)).fetchall()
    if not rows:
        return job.frames
    left = Counter[str]()
    left.update(job.frames)
    left.subtract(dict(connection.execute(_PICTURES, (job.id,)).fetchall()))
    for status, tasks, frames in rows:
        if status != "Finished":
            left[status] += tasks if status == "Running" else frames
    return left


def ends(last: Sequence[_Rendered], frames: Mapping[str, float], now: float) -> float | None:
    """When all of `frames`, counted by status, will be finished, if what is left goes as the `last` tasks did."""
    running = frames.get("Running", 0)
    if not last:
        return None
    longest = max(task.finish - task.start for task in last)
    if not running and now - last[-1].finish > longest + _PATIENCE:
        return None
    pace = _pace(last, running)
    if not pace:
        return None
    usual = sum(task.finish - task.start for task in last) / len(last)
    waiting = sum(frames.get(status, 0) for status in _WAITING)
    # Of frames that are begun at any moments the last one is done so late, on average.
    return now + waiting / pace + usual * running / (running + 1)


def _pace(last: Sequence[_Rendered], running: float) -> float:
    """Frames a second, while any were rendered at all: pauses don't count. Later it is how fast they come; at first,
    when each worker has rendered one or two, how many are at it and how long one takes."""
    busy = _busy([(task.start, task.finish) for task in last])
    spent = sum(task.finish - task.start for task in last)
    if not busy:
        return 0.0
    at_once = max(running, spent / busy)
    if len(last) < _ROUNDS * at_once:
        return at_once * sum(task.count for task in last) / spent
    since = last[0].finish
    coming = _busy([(max(task.start, since), task.finish) for task in last[1:]])
    return sum(task.count for task in last[1:]) / coming if coming else 0.0


def _busy(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds that lie in any of the spans."""
    total, until = 0.0, float("-inf")
    for start, finish in sorted(spans):
        total += max(0.0, finish - max(start, until))
        until = max(until, finish)
    return total


def _rendered(frames: str, count: float, start: object, finish: object) -> _Rendered | None:
    """None of a task whose times nobody knows: an old worker's, or one that was badly told."""
    try:
        began, ended = (datetime.fromisoformat(str(moment)).timestamp() for moment in (start, finish))
    except (ValueError, OverflowError):
        return None
    return _Rendered(frames, count, min(began, ended), ended)
