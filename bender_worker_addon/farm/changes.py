# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes: what people do to the jobs in the books, from entering one to deleting it. Each works inside a transaction
of the Database; what is fed to RabbitMQ, or held by a worker, goes on."""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..core.errors import FarmError
from . import books, frame_list, queueing, tiles
from .books import STOPPED
from .new_job import NewTask
from .queueing import PAUSED


def add_job(
    connection: sqlite3.Connection,
    head: Mapping[str, Any],
    *,
    name: str,
    priority: int,
    tasks: Sequence[NewTask],
    person: str = "",
) -> None:
    """Enters a job, whose data.json is `head` but for status and tasks, and queues its tasks. Raises FarmError if there
    is one of its id, or of one that Windows and macOS take for the same."""
    job = head["id"]
    alike = books.known_as(connection, job)
    if alike is not None:
        raise FarmError(f"there is a job {alike} already; give this one another id")
    frames = frame_list.joined(",".join(task.frames for task in tasks if not task.frame_task))
    row = (job, name, head["time"]["creation"], json.dumps(head), "Queued", priority, person, frames)
    columns = "id, name, created, head, status, priority, person, frames"
    connection.execute(f"INSERT INTO job ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    _enter(connection, job, tasks)
    connection.execute(
        "INSERT INTO stretch SELECT job, min(number), max(number), status FROM frame_task WHERE job = ? GROUP BY job",
        (job,),
    )


def cut(connection: sqlite3.Connection, job: str, task: str, parts: Sequence[NewTask]) -> None:
    """A frame that waits, and that nobody was given, is rendered in these tiles."""
    connection.execute("DELETE FROM message WHERE job = ? AND task = ?", (job, task))
    _enter(connection, job, parts)
    books.has_changed(connection, job)


def _enter(connection: sqlite3.Connection, job: str, tasks: Sequence[NewTask]) -> None:
    """New tasks of a job are queued, but for those that wait for tiles."""
    connection.executemany(
        "INSERT INTO task (job, id, status, frames, frame_count, body) VALUES (?, ?, 'Waiting', ?, ?, ?)",
        ((job, task.id, task.frames, task.frame_count, task.body) for task in tasks),
    )
    queueing.send(connection, job, [task.id for task in tasks if not task.waits])
    tiles.enter(connection, job, [(task.id, task.frame_task) for task in tasks if task.frame_task])
    connection.execute(
        "INSERT INTO tally VALUES (?, 'Waiting', ?, ?) ON CONFLICT DO UPDATE"
        " SET tasks = tasks + excluded.tasks, frames = frames + excluded.frames",
        (job, len(tasks), sum(task.frame_count for task in tasks)),
    )


def pause(connection: sqlite3.Connection, job: str) -> None:
    """Nothing more of it is begun until `resume`."""
    connection.execute("UPDATE job SET paused = 1, changes = changes + 1 WHERE id = ?", (job,))
    connection.execute("UPDATE message SET owner = ? WHERE job = ? AND owner IS NULL", (PAUSED, job))


def stop(connection: sqlite3.Connection, job: str, why: str) -> None:
    """The same, and `why` is told, until `resume` or a retry."""
    pause(connection, job)
    _change_head(connection, job, f"$.data.{STOPPED}", why)


def resume(connection: sqlite3.Connection, job: str) -> None:
    connection.execute(f"UPDATE job SET head = json_remove(head, '$.data.{STOPPED}') WHERE id = ?", (job,))
    connection.execute("UPDATE job SET paused = 0, changes = changes + 1 WHERE id = ?", (job,))
    connection.execute("UPDATE message SET owner = NULL WHERE job = ? AND owner = ?", (job, PAUSED))


def resume_if_stopped(connection: sqlite3.Connection, job: str) -> None:
    """What was paused by people stays so."""
    row = connection.execute(f"SELECT json_extract(head, '$.data.{STOPPED}') FROM job WHERE id = ?", (job,)).fetchone()
    if row is not None and row[0]:
        resume(connection, job)


def cancel(connection: sqlite3.Connection, job: str) -> None:
    """Takes what is left of a job out of the queue. What a worker has begun is taken from it when it gives it back."""
    connection.execute("UPDATE job SET canceled = 1 WHERE id = ?", (job,))
    queueing.drop_canceled(connection)
    tiles.cancel(connection, job, books.now())
    books.has_changed(connection, job)


def retry(connection: sqlite3.Connection, job: str, frames: Collection[int] | None = None) -> int:
    """Queues again what failed of a job or was canceled: all, or the tasks that have any of these `frames`; where none
    of these has, the job stays as it is. Gives how many are rendered again: those of a canceled job that a worker still
    has are, too: it goes on with them, or has given them up, and `queueing.is_gone` comes."""
    which, values = "task.job = ?", [job]
    if frames is not None:
        which += " AND task.id IN (SELECT value FROM json_each(?))"
        values.append(_with_any(connection, job, frames))
    (held,) = connection.execute(
        "SELECT count(*) FROM job JOIN message ON message.job = job.id"
        " JOIN task ON task.job = message.job AND task.id = message.task"
        f" WHERE {which} AND job.canceled AND task.status NOT IN ('Finished', 'Errored')",
        values,
    ).fetchone()
    failed = f"{which} AND task.status IN ('Errored', 'Aborted')"
    queued: int = held + queueing.queue_again_where(connection, failed, values)
    if queued or frames is None:
        connection.execute("UPDATE job SET canceled = 0 WHERE id = ?", (job,))
        books.has_changed(connection, job)
    return queued


def set_priority(connection: sqlite3.Connection, job: str, priority: int) -> None:
    """It counts for all that is not begun."""
    _change_head(connection, job, "$.data.priority", str(priority))
    connection.execute("UPDATE job SET priority = ? WHERE id = ?", (priority, job))
    connection.execute("UPDATE message SET priority = ? WHERE job = ?", (priority, job))


def set_name(connection: sqlite3.Connection, job: str, name: str) -> None:
    _change_head(connection, job, "$.data.name", name)
    connection.execute("UPDATE job SET name = ? WHERE id = ?", (name, job))


def delete(connection: sqlite3.Connection, job: str) -> None:
    """Nothing of it is known any more; what is in its folders is the caller's to delete. What a worker has in hand of
    it is canceled with it."""
    connection.execute("DELETE FROM fed WHERE number IN (SELECT number FROM message WHERE job = ?)", (job,))
    for table in ("message", "task", "tally", "stretch", "output", "log", "warning", "tile"):
        connection.execute(f"DELETE FROM {table} WHERE job = ?", (job,))
    connection.execute("DELETE FROM job WHERE id = ?", (job,))


def _with_any(connection: sqlite3.Connection, job: str, frames: Collection[int]) -> str:
    """The ids of the tasks that have any of these frames and are not rendered, as a list in JSON."""
    rows = connection.execute("SELECT id, frames FROM task WHERE job = ? AND status <> 'Finished'", (job,))
    wanted = set(frames)
    return json.dumps([id for id, text in rows if not wanted.isdisjoint(frame_list.numbers_in(text))])


def _change_head(connection: sqlite3.Connection, job: str, path: str, value: str) -> None:
    """Changes what its data.json says."""
    connection.execute(
        "UPDATE job SET head = json_set(head, ?, json(?)), changes = changes + 1 WHERE id = ?",
        (path, json.dumps(value), job),
    )
