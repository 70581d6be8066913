# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopping: a job whose tasks fail one after the other in the same way is stopped until somebody has it retried. What
would only fail again keeps no other job waiting. Each works inside a transaction of the Database."""

import sqlite3

from ..core import retry
from . import changes

_LAST = (
    "SELECT frame_count, json_extract(body, '$.data.error'), json_extract(body, '$.time.error') AS at FROM task"
    " WHERE job = ? AND status = 'Errored' AND NOT EXISTS (SELECT 1 FROM tile JOIN task AS part ON part.job = tile.job"
    " AND part.id = tile.task WHERE tile.job = task.job AND tile.frame_task = task.id AND part.status = 'Errored')"
    " ORDER BY at DESC LIMIT ?"
)  # without pictures that have only failed with a tile
_FINISHED_SINCE = (
    "SELECT 1 FROM task WHERE job = ? AND status = 'Finished' AND json_extract(body, '$.time.finish') > ? LIMIT 1"
)
_WAITING = "SELECT 1 FROM message WHERE job = ? AND owner IS NULL LIMIT 1"


def has_failed(connection: sqlite3.Connection, job: str) -> None:
    """A task of the job has: stops it, if that makes enough of the same kind in a row and there is more to come."""
    rows = connection.execute(_LAST, (job, retry.ALIKE)).fetchall()
    kinds = {retry.kind_of(reason or "") for _, reason, _ in rows}
    if len(rows) < retry.ALIKE or len(kinds) > 1 or connection.execute(_WAITING, (job,)).fetchone() is None:
        return
    if connection.execute(_FINISHED_SINCE, (job, rows[-1][2] or "")).fetchone() is None:
        tiles = sum(count == 0 for count, _, _ in rows)
        what = f"{tiles} tiles" if tiles else f"{sum(count for count, _, _ in rows)} frames"
        changes.stop(connection, job, retry.stopped(what, rows[0][1] or ""))
