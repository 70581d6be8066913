# SPDX-License-Identifier: GPL-3.0-or-later
"""Tail: the last frames of a job that is too long to be cut: as wholes they would leave machines idle, so they are
rendered in tiles if that is worth it. Each works inside a transaction of the Database.

They are those that nobody was given when all others are with somebody. What is known then decides, anew each time:
whoever retries frames, or comes in between, changes that at once.
"""

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from ..core import tile
from . import books, changes, new_job, tile_cost, tiles, workers
from .books import TAIL
from .queueing import PAUSED

_TAKE_NOTHING = ("Paused", "Finishing")
_EXPECTED = 4  # Blenders, where none is there (yet)

_WAITS = "EXISTS (SELECT 1 FROM message WHERE message.job = job.id AND owner IS NULL)"
_LAST = (
    "SELECT message.number, message.task FROM message JOIN task ON task.job = message.job AND task.id = message.task"
    " WHERE message.job = ? AND owner IS NULL AND NOT redelivered AND task.status = 'Waiting' AND frame_count = 1"
    f" AND NOT {tiles.IS_OF_ONE} ORDER BY message.number DESC LIMIT ?"
)
_OTHERS = (
    "SELECT 1 FROM message WHERE job = ? AND owner IS NULL AND number NOT IN (SELECT value FROM json_each(?)) LIMIT 1"
)
_UNFINISHED = "SELECT coalesce(sum(frames), 0) FROM tally WHERE job = ? AND status IN ('Waiting', 'Queued', 'Running')"
_HELD = f"SELECT count(*) FROM message WHERE job = ? AND owner IS NOT NULL AND owner <> '{PAUSED}'"
_ON_ITS_WAY = (
    "SELECT 1 FROM fed JOIN message USING (number) JOIN task ON task.job = message.job AND task.id = message.task"
    " WHERE message.job = ? AND task.status = 'Waiting' LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class _Tail:
    """The last frames of a job, by the numbers of their messages and the ids of their tasks, the last first. `picture`:
    what is rendered of each; `renderers`: how many Blenders would render its tiles, of `all` that are there, if any
    are."""

    job: str
    picture: tile.Picture
    frames: list[tuple[int, str]]
    renderers: int
    all: int


def settle(connection: sqlite3.Connection, there: Collection[str]) -> frozenset[int]:
    """Puts tiles in the place of the last frames, if it is time for that and worth it; gives the messages of those that
    are kept back until it is. None are where another job waits, which leaves nobody idle. `there`: makers who take
    tiles, see `tile.makers`."""
    tail = _tail(connection, there)
    if tail is None:
        return frozenset()
    numbers = [number for number, _ in tail.frames]
    others_wait = connection.execute(_OTHERS, (tail.job, json.dumps(numbers))).fetchone() is not None
    cost = None if others_wait or not tail.all else tile_cost.of(connection, tail.job)
    if cost is None:
        return _as_many_as_nobody_misses(connection, tail)
    if tail.renderers < 2:
        return frozenset()
    renderers, picture = tail.renderers, tail.picture
    count = tile_cost.best_count_of_last(renderers=renderers, frames=len(numbers), cost=cost, picture=picture)
    regions = tile.tiles_of(picture, count)
    if len(regions) < 2:
        return frozenset()
    if not _is_time(connection, tail):
        return frozenset(numbers)
    for _, task in reversed(tail.frames):
        body = books.task(connection, tail.job, task) or b""
        changes.cut(connection, tail.job, task, new_job.tiles(body, regions))
    return frozenset()


def _tail(connection: sqlite3.Connection, there: Collection[str]) -> _Tail | None:
    """That of the one job of which anything waits."""
    waiting = connection.execute(
        f"SELECT id, blender, json_extract(head, '$.data.{TAIL}'), json_extract(head, '$.version'),"
        f" {tiles.WANTS_ONE_KIND} FROM job WHERE {_WAITS} LIMIT 2"
    ).fetchall()
    if len(waiting) != 1 or not waiting[0][2]:
        return None
    job, settled, picture, version, one_kind = waiting[0]
    at_work = (worker for worker in workers.workers(connection) if worker.said("state") not in _TAKE_NOTHING)
    all, of_tiles = workers.renderers(at_work)
    makers = settled or tiles.best_of(there, version, one_kind=bool(one_kind))
    renderers = of_tiles.get(makers, 0) if all else tile.MOST
    frames = connection.execute(_LAST, (job, _most(renderers, all))).fetchall()
    return _Tail(job, tile.picture(picture), frames, renderers, all) if frames else None


def _most(renderers: int, all: int) -> int:
    """As many frames as there are Blenders; fewer where others, who take whole ones alone, would have nothing to do in
    the end. For one a second may still come."""
    at_least = max(renderers, 2) if renderers else 0
    return at_least**2 // max(all, at_least, 1)


def _as_many_as_nobody_misses(connection: sqlite3.Connection, tail: _Tail) -> frozenset[int]:
    """As long as it is not known what a frame takes, or who is there: whoever renders, or comes, has another one."""
    (unfinished,) = connection.execute(_UNFINISHED, (tail.job,)).fetchone()
    return frozenset(number for number, _ in tail.frames[: max(0, unfinished - (tail.all or _EXPECTED))])


def _is_time(connection: sqlite3.Connection, tail: _Tail) -> bool:
    """Whether all other frames have come to a worker, or are fewer than there are to render them: whoever takes tiles
    takes them first."""
    (held,) = connection.execute(_HELD, (tail.job,)).fetchone()
    return held < tail.all or connection.execute(_ON_ITS_WAY, (tail.job,)).fetchone() is None
