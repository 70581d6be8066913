# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiles: pictures that several workers render together, in the books. The task of such a picture waits for those of its
tiles, and only finishes it: nobody is given it before. Each works inside a transaction of the Database.

Tasks of tiles have no frames of their own: whoever looks at the tasks of a job as its frames looks at `frame_task`.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..core.frame import frame_name
from ..core.tile import FOLDER, FORMAT

_OF_FRAME = (
    "SELECT task.id, task.status, json_extract(task.body, '$.data.error'),"
    " EXISTS (SELECT 1 FROM message WHERE message.job = task.job AND message.task = task.id)"
    " FROM tile JOIN task ON task.job = tile.job AND task.id = tile.task WHERE tile.job = ? AND tile.frame_task = ?"
)
_WAITING = (
    "SELECT whole.id FROM tile JOIN task AS whole ON whole.job = tile.job AND whole.id = tile.frame_task"
    " WHERE tile.job = ? AND tile.task = ? AND whole.status = 'Waiting' AND NOT EXISTS"
    " (SELECT 1 FROM message WHERE message.job = whole.job AND message.task = whole.id)"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """Of the picture of `frame`, so many of its tiles are rendered."""

    frame: int
    done: int
    of: int


def file_of(jobs: Path, job: str, frame_task: str, task: str, number: int) -> Path:
    """Where the tile of a task goes, on the farm's own machine."""
    return jobs / job / FOLDER / frame_task / task / frame_name(number, FORMAT)


def enter(connection: sqlite3.Connection, job: str, tiles: Iterable[tuple[str, str]]) -> None:
    """`tiles`: the ids of each one's task and of that of its picture."""
    connection.executemany("INSERT INTO tile VALUES (?, ?, ?)", ((job, task, frame_task) for task, frame_task in tiles))


def waiting(connection: sqlite3.Connection, job: str) -> set[str]:
    """The tasks of the job's pictures that no worker may have yet: not all their tiles are rendered."""
    rows = connection.execute(
        "SELECT tile.frame_task FROM tile CROSS JOIN task ON task.job = tile.job AND task.id = tile.task"
        " WHERE tile.job = ? AND task.status <> 'Finished'",
        (job,),
    )
    return {frame_task for (frame_task,) in rows.fetchall()}


def outcome(connection: sqlite3.Connection, job: str, task: str) -> tuple[str, str] | None:
    """After a task was settled: the task of the picture that it is a tile of, if it need wait no longer, and why it
    can't be finished, "" if it can."""
    row = connection.execute(_WAITING, (job, task)).fetchone()
    if row is None:
        return None
    tiles = connection.execute(_OF_FRAME, (job, row[0])).fetchall()
    failed = [why for _, status, why, queued in tiles if status == "Errored" and not queued]
    if failed:
        why = failed[0] or "nothing was said of why"
        return row[0], f"{len(failed)} of its {len(tiles)} tiles could not be rendered: {why}"
    return (row[0], "") if all(status == "Finished" for _, status, *_ in tiles) else None


def progress(connection: sqlite3.Connection, job: str) -> list[Progress]:
    """Of those pictures of which a tile is rendered or begun, and that are not finished. It begins with the tiles, of
    which most jobs have none, and not with all their tasks."""
    rows = connection.execute(
        "SELECT whole.frames, sum(task.status = 'Finished'), count(*), sum(task.status = 'Running')"
        " FROM tile CROSS JOIN task ON task.job = tile.job AND task.id = tile.task"
        " CROSS JOIN task AS whole ON whole.job = tile.job AND whole.id = tile.frame_task"
        " WHERE tile.job = ? AND whole.status <> 'Finished' GROUP BY whole.number",
        (job,),
    )
    return [Progress(int(frame), done, of) for frame, done, of, running in rows.fetchall() if done or running]


def cancel(connection: sqlite3.Connection, job: str) -> None:
    """What is rendered of a picture that nobody will finish is not kept."""
    connection.execute(
        "UPDATE task SET status = 'Aborted' WHERE job = ? AND status = 'Finished' AND id IN"
        " (SELECT tile.task FROM tile JOIN task AS whole ON whole.job = tile.job AND whole.id = tile.frame_task"
        " WHERE tile.job = ? AND whole.status <> 'Finished')",
        (job, job),
    )
