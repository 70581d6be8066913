# SPDX-License-Identifier: GPL-3.0-or-later
"""Tile files: of pictures that are not finished yet, in the folders of their jobs: deleted when they are of no use any
more, and missed when they are gone. Each works inside a transaction of the Database."""

import sqlite3
from pathlib import Path

from ..core.frame import frame_name
from ..core.tile import BLAMED, FOLDER, FORMAT, folder_of
from ..system import hashing
from ..system.files import discard_folder
from . import books, queueing


def has_any(jobs: Path, job: str) -> bool:
    """Whether the job is one whose pictures are rendered in tiles."""
    return (jobs / job / FOLDER).is_dir()


def delete_useless(connection: sqlite3.Connection, jobs: Path, job: str) -> None:
    """Of pictures that are finished, or that nobody wants any more."""
    for place in (jobs / job / FOLDER).iterdir():
        row = connection.execute(
            "SELECT whole.status = 'Finished' OR job.canceled FROM tile"
            " JOIN task AS whole ON whole.job = tile.job AND whole.id = tile.frame_task"
            " JOIN job ON job.id = tile.job WHERE tile.job = ? AND tile.task = ?",
            (job, place.name),
        ).fetchone()
        if row is not None and row[0]:
            discard_folder(place)


def render_lost_anew(connection: sqlite3.Connection, jobs: Path, job: str) -> None:
    """Those that are gone, or not what they were, of a picture that could not be finished."""
    frame = "'$.command.Blender.frame.\"' || whole.frames || '\"'"
    rows = connection.execute(
        "SELECT tile.frame_task, task.id, CAST(whole.frames AS INTEGER),"
        f" json_extract(task.body, {frame} || '.filesize'), json_extract(task.body, {frame} || '.hash'),"
        " instr(coalesce(json_extract(whole.body, '$.data.error'), ''), ?)"
        " FROM tile JOIN task ON task.job = tile.job AND task.id = tile.task"
        " JOIN task AS whole ON whole.job = tile.job AND whole.id = tile.frame_task"
        " WHERE tile.job = ? AND whole.status = 'Errored' AND task.status = 'Finished'"
        " AND NOT EXISTS (SELECT 1 FROM message WHERE message.job = tile.job AND message.task = tile.frame_task)",
        (BLAMED, job),
    ).fetchall()
    lost = []
    for frame_task, task, number, size, digest, blamed in rows:
        file = folder_of(jobs, job, task) / frame_name(number, FORMAT)
        if not _is(file, size, digest if blamed else None):
            lost.append((frame_task, task))
    for frame_task, task in lost:
        for one in (task, frame_task):
            queueing.queue_again(connection, job, one)
    if lost:
        books.has_changed(connection, job)


def _is(path: Path, size: int | None, digest: str | None) -> bool:
    """Whether a file is of this size, and of this hash if one is given: that takes its time."""
    try:
        with path.open("rb") as file:
            return path.stat().st_size == size and (digest is None or hashing.of(file) == digest)
    except OSError:
        return False
