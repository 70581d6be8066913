# SPDX-License-Identifier: GPL-3.0-or-later
"""Feeding: which tasks are given to RabbitMQ, how many, and which of them it has: in the books, so that either may be
killed at any moment. Each works inside a transaction of the Database.

A task waits in the table `message` until it is fed; then it is RabbitMQ's, as it would be a worker's in a local queue.
It is marked before it is published and confirmed after: at the next start what is not confirmed is published again. A
rare duplicate costs a frame rendered twice, never a wrong book.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..core.task import NAME
from . import books, queueing, tail, tiles
from .books import TAIL
from .queueing import PAUSED

OWNER = "rabbitmq"  # holds what is fed, as a worker holds what it has taken from a local queue
NAMED = f"json_set(task.body, '$.data.{NAME}', (SELECT name FROM job WHERE job.id = task.job))"
"""A task as it is given out: with the name that its job has now."""
_HAS_WHOLES = (
    "SELECT 1 FROM message WHERE job = ? AND owner IS NULL AND number NOT IN (SELECT value FROM json_each(?))"
    f" AND NOT {tiles.IS_OF_ONE} LIMIT 1"
)
_HAS_PARTS = f"SELECT 1 FROM message WHERE job = ? AND owner IS NULL AND {tiles.IS_OF_ONE} LIMIT 1"
_WAITS_FOR_TILES = (
    "SELECT 1 FROM task WHERE job = ? AND id = ? AND status = 'Waiting'"
    " AND EXISTS (SELECT 1 FROM tile WHERE tile.job = task.job AND tile.frame_task = task.id)"
    " AND NOT EXISTS (SELECT 1 FROM message WHERE message.job = task.job AND message.task = task.id)"
)
_NEXT = (
    f"SELECT message.number, {NAMED} FROM message JOIN task ON task.job = message.job AND task.id = message.task"
    " WHERE message.job = ? AND owner IS NULL AND message.number NOT IN (SELECT value FROM json_each(?))"
    f" AND {tiles.IS_OF_ONE} = ? ORDER BY message.number LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Fed:
    """A task for RabbitMQ: `number` is its message's in the books, `body` its JSON. `in_tiles`: it is one of a picture
    that is rendered in tiles, a tile's or the picture's own, which only its `makers` are to do: see `tile.makers`."""

    number: int
    body: bytes
    in_tiles: bool = False
    makers: str = ""


def feed(
    connection: sqlite3.Connection, count: int, *, in_tiles: Mapping[str, int] = MappingProxyType({})
) -> list[Fed]:
    """Marks the next tasks as fed, at most `count`: those of the highest priority, people in turn, of each the oldest
    job, its tasks in their order. `in_tiles`: how many of them may be of pictures in tiles, by who makes them. A job
    of these that is not settled is given to those of the version of its blend, or else to the first ones that are
    named. The last frames of a job may be kept back."""
    fed: list[Fed] = []
    room = dict(in_tiles)
    kept = json.dumps(list(tail.settle(connection, room) if count > 0 else ()))
    while (left := count - len(fed)) > 0:
        waiting = _waiting(connection, room, kept)
        if not waiting:
            return fed
        share = left if len(waiting) == 1 else 1
        for one in waiting[:left]:
            if one.in_tiles and tiles.are_rendered_by(connection, one.job, one.makers):
                books.has_changed(connection, one.job)
            some = _feed_some(connection, one, min(share, room[one.makers]) if one.in_tiles else share, kept)
            if one.in_tiles:
                room[one.makers] -= len(some)
            fed += some
            _has_been_served(connection, one.person)
    return fed


def settle_anew(connection: sqlite3.Connection, there: Collection[str]) -> dict[str, str]:
    """Jobs in tiles that wait for makers who are not `there` are given to others; gives them, each with those. What
    RabbitMQ has of their tiles waits to be fed again."""
    rows = connection.execute("SELECT id, blender FROM job WHERE blender <> '' AND status IN ('Queued', 'Running')")
    lost = {job: blender for job, blender in rows.fetchall() if blender not in there}
    for job in lost:
        connection.execute("UPDATE job SET blender = '' WHERE id = ?", (job,))
        its = f"SELECT number FROM fed JOIN message USING (number) WHERE message.job = ? AND {tiles.IS_OF_ONE}"
        take_back(connection, [number for (number,) in connection.execute(its, (job,)).fetchall()])
    return lost


def confirmed(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """RabbitMQ has these."""
    connection.executemany("UPDATE fed SET confirmed = 1 WHERE number = ?", ((number,) for number in numbers))


def unconfirmed(connection: sqlite3.Connection) -> list[Fed]:
    """What may not have reached RabbitMQ: to be published (again)."""
    rows = connection.execute(
        f"SELECT fed.number, {NAMED}, {tiles.IS_OF_ONE}, job.blender FROM fed JOIN message USING (number)"
        " JOIN job ON job.id = message.job"
        " JOIN task ON task.job = message.job AND task.id = message.task WHERE NOT confirmed ORDER BY fed.number"
    )
    return [Fed(number, body.encode(), bool(in_tiles), makers) for number, body, in_tiles, makers in rows.fetchall()]


def not_received(connection: sqlite3.Connection) -> list[int]:
    """The messages that RabbitMQ has and of which no worker has said that it received them."""
    rows = connection.execute(
        "SELECT fed.number FROM fed JOIN message USING (number)"
        " JOIN task ON task.job = message.job AND task.id = message.task WHERE confirmed AND task.status = 'Waiting'"
    )
    return [number for (number,) in rows.fetchall()]


def fed(connection: sqlite3.Connection) -> list[int]:
    """The messages that RabbitMQ was given and that are not settled."""
    return [number for (number,) in connection.execute("SELECT number FROM fed").fetchall()]


def take_back(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """These wait to be fed again."""
    for number in numbers:
        connection.execute("DELETE FROM fed WHERE number = ?", (number,))
        queueing.put_back(connection, "number = ? AND owner = ?", (number, OWNER))


def was_given(connection: sqlite3.Connection, job: str, task: str) -> bool:
    """Whether anybody was ever given the task: who was not can tell nothing of it. Nor can who was given a frame before
    it was cut, while that waits for its tiles."""
    waits = f"job = ? AND task = ? AND ifnull(owner, '{PAUSED}') = '{PAUSED}' AND NOT redelivered"
    if connection.execute(f"SELECT 1 FROM message WHERE {waits}", (job, task)).fetchone() is not None:
        return False
    return connection.execute(_WAITS_FOR_TILES, (job, task)).fetchone() is None


def adopt(connection: sqlite3.Connection, job: str, task: str) -> None:
    """Somebody has a task that is to be done, so RabbitMQ has it: also one that was settled before, of which there was
    a duplicate. Whatever becomes of that one now counts, and if it is lost it is fed again."""
    row = connection.execute(
        "INSERT INTO message (priority, job, task, owner)"
        f" SELECT job.priority, job.id, task.id, '{OWNER}' FROM task JOIN job ON job.id = task.job"
        " WHERE task.job = ? AND task.id = ? AND task.status IN ('Waiting', 'Queued', 'Running') AND NOT EXISTS"
        " (SELECT 1 FROM message WHERE message.job = task.job AND message.task = task.id) RETURNING number",
        (job, task),
    ).fetchone()
    if row is not None:
        connection.execute("INSERT INTO fed VALUES (?, 1)", row)


def count(connection: sqlite3.Connection) -> int:
    """How many tasks are fed and not settled."""
    (fed,) = connection.execute("SELECT count(*) FROM fed").fetchone()
    return int(fed)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A job that has tasks to be fed; `makers` render them, if they are those of its pictures `in_tiles`."""

    job: str
    person: str
    in_tiles: bool
    makers: str


def _waiting(connection: sqlite3.Connection, room: Mapping[str, int], kept: str) -> list[_Waiting]:
    """Of each person the oldest job that has tasks to be fed, among those of the highest priority there is; whoever was
    served longest ago comes first. None of which all that is left is `kept` back, or tiles for which there is no
    `room`."""
    rows = connection.execute(
        f"SELECT job.id, job.person, job.priority, {tiles.IS_IN_TILES}, job.blender, json_extract(head, '$.version'),"
        f" {tiles.WANTS_ONE_KIND}, json_extract(head, '$.data.{TAIL}') IS NOT NULL FROM job"
        " WHERE EXISTS (SELECT 1 FROM message WHERE message.job = job.id AND owner IS NULL)"
        " ORDER BY job.priority DESC, job.created, job.id"
    ).fetchall()
    oldest: dict[str, _Waiting] = {}
    highest = None
    for job, person, priority, has_tiles, settled, version, one_kind, has_tail in rows:
        makers = settled or tiles.best_of(room, version, one_kind=bool(one_kind))
        in_tiles = bool(has_tiles)
        if has_tail:
            in_tiles = connection.execute(_HAS_WHOLES, (job, kept)).fetchone() is None
            if in_tiles and connection.execute(_HAS_PARTS, (job,)).fetchone() is None:
                continue
        if in_tiles and room.get(makers, 0) <= 0:
            continue
        highest = priority if highest is None else highest
        if priority == highest:
            oldest.setdefault(person, _Waiting(job, person, in_tiles, makers))
    served = dict(connection.execute("SELECT person, turn FROM served").fetchall())
    return [oldest[person] for person in sorted(oldest, key=lambda person: served.get(person, 0))]


def _feed_some(connection: sqlite3.Connection, waiting: _Waiting, count: int, kept: str) -> list[Fed]:
    rows = connection.execute(_NEXT, (waiting.job, kept, waiting.in_tiles, count)).fetchall()
    numbers = [(number,) for number, _ in rows]
    connection.executemany(f"UPDATE message SET owner = '{OWNER}' WHERE number = ?", numbers)
    connection.executemany("INSERT INTO fed VALUES (?, 0)", numbers)
    return [Fed(number, body.encode(), waiting.in_tiles, waiting.makers) for number, body in rows]


def _has_been_served(connection: sqlite3.Connection, person: str) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO served VALUES (?, (SELECT coalesce(max(turn), 0) + 1 FROM served))", (person,)
    )
