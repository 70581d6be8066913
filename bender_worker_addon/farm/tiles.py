# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiles: pictures that several workers render together, in the books. The task of such a picture waits for those of its
tiles, and only finishes it: nobody is given it before. Each works inside a transaction of the Database.

Tasks of tiles have no frames of their own: whoever looks at the tasks of a job as its frames looks at `frame_task`.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from ..core import tile
from ..core.task import BLENDER, KIND, REGION, TILES
from ..core.tile import Region, Tile

ONE_KIND = "one_kind"  # in the `data` of a job's head, if tiles of a picture are to be rendered on one kind of device
WANTS_ONE_KIND = f"json_extract(job.head, '$.data.{ONE_KIND}') IS NOT NULL"
IS_IN_TILES = "EXISTS (SELECT 1 FROM tile WHERE tile.job = job.id)"
IS_OF_ONE = (
    "(EXISTS (SELECT 1 FROM tile WHERE tile.job = message.job AND tile.task = message.task)"
    " OR EXISTS (SELECT 1 FROM tile WHERE tile.job = message.job AND tile.frame_task = message.task))"
)
"""Of a message: whether its task is that of a tile, or of a picture that is put together. Not all of a job need be."""

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


def enter(connection: sqlite3.Connection, job: str, tiles: Iterable[tuple[str, str]]) -> None:
    """`tiles`: the ids of each one's task and of that of its picture."""
    connection.executemany("INSERT INTO tile VALUES (?, ?, ?)", ((job, task, frame_task) for task, frame_task in tiles))


def pictures(connection: sqlite3.Connection, job: str) -> set[str]:
    """The tasks of the job's pictures that are rendered in tiles."""
    rows = connection.execute("SELECT DISTINCT frame_task FROM tile WHERE job = ?", (job,))
    return {frame_task for (frame_task,) in rows.fetchall()}


def is_one(connection: sqlite3.Connection, job: str, task: str) -> bool:
    """Whether the task is that of a tile."""
    return connection.execute("SELECT 1 FROM tile WHERE job = ? AND task = ?", (job, task)).fetchone() is not None


def is_ready(connection: sqlite3.Connection, job: str, task: str) -> bool:
    """Whether a worker may have the task: all its tiles are rendered, if it has any. Then it says which they are."""
    if any(status != "Finished" for _, status, *_ in connection.execute(_OF_FRAME, (job, task))):
        return False
    rows = connection.execute(
        f"SELECT task.id, json_extract(task.body, '$.data.{REGION}'), json_extract(task.body, frame || '.filesize'),"
        " json_extract(task.body, frame || '.hash') FROM (SELECT tile.job, tile.task,"
        " '$.command.Blender.frame.\"' || whole.frames || '\"' AS frame FROM tile JOIN task AS whole"
        " ON whole.job = tile.job AND whole.id = tile.frame_task WHERE tile.job = ? AND tile.frame_task = ?) AS part"
        " JOIN task ON task.job = part.job AND task.id = part.task ORDER BY task.number",
        (job, task),
    ).fetchall()
    if rows:
        told = tile.as_text(
            [Tile(tile.region(region), id, size or 0, digest or "") for id, region, size, digest in rows]
        )
        connection.execute(
            f"UPDATE task SET body = json_set(body, '$.data.{TILES}', ?) WHERE job = ? AND id = ?", (told, job, task)
        )
    return True


def of_others(connection: sqlite3.Connection, job: str, task: str) -> list[str]:
    """The tiles of a picture, by the ids of their tasks, that were rendered by another version of Blender than that
    which the job has now, or on another kind of device if it is to be one: together with the others' their edges would
    show."""
    rows = connection.execute(
        f"SELECT task.id, job.blender, json_extract(task.body, '$.data.{BLENDER}'),"
        f" json_extract(task.body, '$.data.{KIND}') FROM tile JOIN job ON job.id = tile.job"
        " JOIN task ON task.job = tile.job AND task.id = tile.task"
        " WHERE tile.job = ? AND tile.frame_task = ? AND task.status = 'Finished' AND job.blender <> ''",
        (job, task),
    )
    return [id for id, settled, blender, kind in rows.fetchall() if not _is_by(settled, blender, kind)]


def _is_by(settled: str, blender: str | None, kind: str | None) -> bool:
    """Whether a tile is by those to whom its job is settled. Of earlier versions of the add-on nobody knows."""
    version, one_kind = tile.parted(settled)
    return blender is None or (blender == version and (not one_kind or kind == one_kind))


def devices(connection: sqlite3.Connection, job: str, task: str) -> list[str]:
    """What the tiles of a picture were rendered on, as far as that was told."""
    rows = connection.execute(
        "SELECT DISTINCT json_extract(task.body, '$.data.device') AS device FROM tile"
        " JOIN task ON task.job = tile.job AND task.id = tile.task WHERE tile.job = ? AND tile.frame_task = ?"
        " AND device IS NOT NULL ORDER BY device",
        (job, task),
    )
    return [str(device) for (device,) in rows.fetchall()]


def best_of(there: Iterable[str], version: object, *, one_kind: bool) -> str:
    """Which of these makers render the tiles of a job whose blend was written by that version of Blender: those of one
    like it, else the first; "" if there are none. Of one kind of device if that is wanted."""
    fit = [makers for makers in there if bool(tile.parted(makers)[1]) == one_kind]
    alike = (makers for makers in fit if _minor(makers) == _minor(str(version)))
    return next(alike, next(iter(fit), ""))


def _minor(makers: str) -> list[str]:
    return tile.parted(makers)[0].split(".")[:2]


def are_rendered_by(connection: sqlite3.Connection, job: str, makers: str) -> bool:
    """From now on the tiles of the job, if it has any, are rendered by these: their version, and their kind of device
    too if it is to be one. Whether those are others than before."""
    blender, _ = tile.parted(makers)
    settled = connection.execute(
        f"UPDATE job SET blender = iif({WANTS_ONE_KIND}, :makers, :blender)"
        f" WHERE id = :job AND blender <> iif({WANTS_ONE_KIND}, :makers, :blender)"
        " AND EXISTS (SELECT 1 FROM tile WHERE tile.job = job.id)",
        {"job": job, "makers": makers, "blender": blender},
    )
    return settled.rowcount > 0


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


@dataclass(frozen=True, slots=True)
class Part:
    """A tile of a picture that is not finished, by the id of its task; edges in pixels, as those of a region."""

    task: str
    status: str
    left: int
    bottom: int
    right: int
    top: int

    @property
    def region(self) -> Region:
        return Region(self.left, self.bottom, self.right, self.top)


def parts(connection: sqlite3.Connection, job: str, frame: int) -> list[Part]:
    """The tiles of a frame that is not finished; none if it is rendered as a whole."""
    rows = connection.execute(
        f"SELECT task.id, task.status, json_extract(task.body, '$.data.{REGION}') FROM task AS whole"
        " JOIN tile ON tile.job = whole.job AND tile.frame_task = whole.id"
        " JOIN task ON task.job = tile.job AND task.id = tile.task"
        " WHERE whole.job = ? AND whole.frames = ? AND whole.status <> 'Finished' ORDER BY task.number",
        (job, str(frame)),
    )
    found = [(task, status, tile.region(region)) for task, status, region in rows.fetchall()]
    return [Part(task, status, one.left, one.bottom, one.right, one.top) for task, status, one in found]


def cancel(connection: sqlite3.Connection, job: str, at: str) -> None:
    """Pictures wait for no tiles any more (`at`: since now), and what is rendered of one that nobody will finish is not
    kept."""
    connection.execute(
        "UPDATE task SET status = 'Aborted', body = json_set(body, '$.status', 'Aborted', '$.time.abort', ?)"
        " WHERE job = ? AND status = 'Waiting' AND id IN (SELECT frame_task FROM tile WHERE job = ?)"
        " AND NOT EXISTS (SELECT 1 FROM message WHERE message.job = task.job AND message.task = task.id)",
        (at, job, job),
    )
    connection.execute(
        "UPDATE task SET status = 'Aborted' WHERE job = ? AND status = 'Finished' AND id IN"
        " (SELECT tile.task FROM tile JOIN task AS whole ON whole.job = tile.job AND whole.id = tile.frame_task"
        " WHERE tile.job = ? AND whole.status <> 'Finished')",
        (job, job),
    )
