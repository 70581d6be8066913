# SPDX-License-Identifier: GPL-3.0-or-later
"""Queueing: which tasks wait to be rendered, or are with a worker: each of them has a message. What becomes of it
follows from its job, and from the tiles of its picture. Each works inside a transaction of the Database."""

import sqlite3
from collections.abc import Iterable, Sequence

from . import books, stored, tiles

PAUSED = "paused"  # who holds the messages of a job that is paused: nobody takes them


def send(connection: sqlite3.Connection, job: str, tasks: Iterable[str]) -> None:
    """Puts these tasks into the queue."""
    connection.executemany(
        "INSERT INTO message (priority, job, task, owner)"
        f" SELECT priority, id, ?, iif(paused, '{PAUSED}', NULL) FROM job WHERE id = ?",
        ((task, job) for task in tasks),
    )


def put_back(connection: sqlite3.Connection, where: str, values: tuple[object, ...]) -> None:
    """These messages wait again for whoever takes them; those of paused and canceled jobs don't."""
    connection.execute(
        "UPDATE message SET redelivered = 1,"
        f" owner = (SELECT iif(paused, '{PAUSED}', NULL) FROM job WHERE job.id = message.job) WHERE {where}",
        values,
    )
    drop_canceled(connection)


def remove(connection: sqlite3.Connection, job: str, task: str) -> None:
    """The task's message is settled."""
    connection.execute(
        "DELETE FROM fed WHERE number IN (SELECT number FROM message WHERE job = ? AND task = ?)", (job, task)
    )
    connection.execute("DELETE FROM message WHERE job = ? AND task = ?", (job, task))
    is_gone(connection, job, task)


def is_gone(connection: sqlite3.Connection, job: str, task: str) -> None:
    """The task's message was acked. If its worker gave it up because its job was canceled, which it no longer is, it is
    queued again."""
    aborted = "job = ? AND id = ? AND status = 'Aborted' AND NOT (SELECT canceled FROM job WHERE job.id = task.job)"
    if queue_again_where(connection, aborted, (job, task)):
        books.has_changed(connection, job)
    _settle_picture(connection, job, task)


def drop_canceled(connection: sqlite3.Connection) -> None:
    """Takes tasks of canceled jobs that nobody holds out of the queue."""
    gone = f"FROM message WHERE (owner IS NULL OR owner = '{PAUSED}') AND job IN (SELECT id FROM job WHERE canceled)"
    jobs = connection.execute(f"SELECT DISTINCT job {gone}").fetchall()
    if not jobs:
        return
    connection.execute(
        "UPDATE task SET status = 'Aborted', body = json_set(body, '$.status', 'Aborted', '$.time.abort', ?)"
        f" WHERE (job, id) IN (SELECT job, task {gone})",
        (books.now(),),
    )
    connection.execute(f"DELETE {gone}")
    for (job,) in jobs:
        books.has_changed(connection, job)


def queue_again(connection: sqlite3.Connection, job: str, task: str) -> None:
    """Queues a task again, whatever has become of it."""
    queue_again_where(connection, "job = ? AND id = ?", (job, task))


def queue_again_where(connection: sqlite3.Connection, which: str, values: Sequence[str]) -> int:
    """Queues these tasks of one job, but for those that have a message; gives how many. Those that wait for tiles come
    when these are there. The file of a tile counts no more: it may be lost, or of another version of Blender."""
    rows = connection.execute(
        "UPDATE task SET status = 'Waiting', body = json_remove(json_set(body, '$.status', 'Waiting',"
        " '$.time.start', NULL, '$.time.finish', NULL, '$.time.error', NULL, '$.time.abort', NULL), '$.data.error')"
        f" WHERE {which} AND NOT EXISTS (SELECT 1 FROM message WHERE message.job = task.job AND message.task = task.id)"
        " RETURNING job, number, id",
        values,
    ).fetchall()
    if rows:
        job = rows[0][0]
        in_tiles = tiles.pictures(connection, job)
        found = [task for _, _, task in sorted(rows)]
        for task in found:
            if tiles.is_one(connection, job, task):
                stored.forget(connection, job, task)
        send(connection, job, [t for t in found if t not in in_tiles or _is_ready(connection, job, t)])
    return len(rows)


def _settle_picture(connection: sqlite3.Connection, job: str, task: str) -> None:
    """If the task was the last tile that its picture waited for, that can be finished; or it has failed, too."""
    outcome = tiles.outcome(connection, job, task)
    if outcome is None:
        return
    picture, why = outcome
    if why:
        connection.execute(
            "UPDATE task SET status = 'Errored', body = json_set(body, '$.status', 'Errored', '$.time.error', ?,"
            " '$.data.error', ?) WHERE job = ? AND id = ?",
            (books.now(), why, job, picture),
        )
    elif _is_ready(connection, job, picture):
        send(connection, job, [picture])
    books.has_changed(connection, job)


def _is_ready(connection: sqlite3.Connection, job: str, picture: str) -> bool:
    """Whether a worker may have the task of a picture; tiles of another version of Blender, or of another kind of
    device where one is wanted, are rendered anew before."""
    mixed = tiles.of_others(connection, job, picture)
    for task in mixed:
        queue_again(connection, job, task)
    if mixed or not tiles.is_ready(connection, job, picture):
        return False
    devices = tiles.devices(connection, job, picture)
    if len(devices) > 1:
        words = f"the tiles of the picture were rendered on {' and on '.join(devices)}, which round otherwise"
        connection.execute(
            "INSERT OR IGNORE INTO warning SELECT job, ?, frames FROM task WHERE job = ? AND id = ?",
            (words, job, picture),
        )
    return True
