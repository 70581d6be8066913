# SPDX-License-Identifier: GPL-3.0-or-later
"""Pace: how fast a job gets on, by its last tasks, inside a transaction of the Database."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

_LAST = 20  # tasks
_FIRST_TILE = (
    "SELECT min(json_extract(part.body, '$.time.start')) FROM tile JOIN task AS part"
    " ON part.job = tile.job AND part.id = tile.task WHERE tile.job = whole.job AND tile.frame_task = whole.id"
)
_FINISHED = (
    f"SELECT frame_count, coalesce(({_FIRST_TILE}), json_extract(body, '$.time.start')),"
    " json_extract(body, '$.time.finish') FROM frame_task AS whole"
    " WHERE job = ? AND status = 'Finished' ORDER BY number DESC LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Pace:
    """`seconds` from one frame to the next, whoever renders; `last`: when the last one was finished."""

    seconds: float
    last: datetime


def of(connection: sqlite3.Connection, job: str) -> Pace | None:
    """None before the first frame."""
    frames, starts, ends = 0, [], []
    for count, start, end in connection.execute(_FINISHED, (job, _LAST)):
        if start and end:
            frames += count
            starts.append(_moment(start))
            ends.append(_moment(end))
    return Pace((max(ends) - min(starts)).total_seconds() / frames, max(ends)) if frames else None


def _moment(text: str) -> datetime:
    """RFC 3339."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
