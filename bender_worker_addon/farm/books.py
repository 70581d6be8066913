# SPDX-License-Identifier: GPL-3.0-or-later
"""Books: what is known of the jobs of a farm on one machine: each works inside a transaction of the Database.

With RabbitMQ that is bender-bookkeeper's work, and `data.json` all there is; here the database knows it first, and
`data.json` follows (`job_files.py`).
"""

import json
import sqlite3
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from ..core.errors import FarmError
from . import frame_list, tiles

OVER = frozenset({"Finished", "Canceled", "Errored"})  # nothing happens to such a job by itself
STOPPED = "stopped"  # in the `data` of a job's head: why nothing more of it is tried; it is paused then
PAUSED = "paused"  # who holds the messages of a job that is paused: nobody takes them
_UNFINISHED = frozenset({"Waiting", "Queued", "Running", "Paused"})


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task that is to be rendered. `frames` as people write them, `body` its JSON. One with a `frame_task` renders a
    tile of its picture, and counts no frame; that `waits` for its tiles."""

    id: str
    frames: str
    frame_count: int
    body: str
    frame_task: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A job and how far it is. `frames` counts frames by the status of their task; `created` in RFC 3339; `person` is
    who sent it, if that is known. `stopped`: why nothing more of it is tried, if so. `tiles`, of which `tiles_done` are
    rendered: into how many its frames are cut; none if they aren't. `blender`: the version that renders them, "" before
    any does."""

    id: str
    name: str
    created: str
    status: str
    priority: int
    frames: Mapping[str, int]
    paused: bool = False
    person: str = ""
    stopped: str = ""
    tiles: int = 0
    tiles_done: int = 0
    blender: str = ""

    @property
    def total(self) -> int:
        return sum(self.frames.values())

    @property
    def done(self) -> int:
        return self.frames.get("Finished", 0)

    @property
    def failed(self) -> int:
        return self.frames.get("Errored", 0)


@dataclass(frozen=True, slots=True)
class Failure:
    """`worker`: where it failed the last time, if that is known."""

    frames: str
    reason: str
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Warned:
    """Frames that may not be what they should be, and why."""

    frames: str
    words: str


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
    alike = known_as(connection, job)
    if alike is not None:
        raise FarmError(f"there is a job {alike} already; give this one another id")
    frames = frame_list.joined(",".join(task.frames for task in tasks if not task.frame_task))
    row = (job, name, head["time"]["creation"], json.dumps(head), "Queued", priority, person, frames)
    columns = "id, name, created, head, status, priority, person, frames"
    connection.execute(f"INSERT INTO job ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.executemany(
        "INSERT INTO task (job, id, status, frames, frame_count, body) VALUES (?, ?, 'Waiting', ?, ?, ?)",
        ((job, task.id, task.frames, task.frame_count, task.body) for task in tasks),
    )
    connection.execute(
        "INSERT INTO stretch SELECT job, min(number), max(number), status FROM frame_task WHERE job = ? GROUP BY job",
        (job,),
    )
    send(connection, job, [task.id for task in tasks if not task.waits])
    tiles.enter(connection, job, [(task.id, task.frame_task) for task in tasks if task.frame_task])
    tally = (job, len(tasks), sum(task.frame_count for task in tasks))
    connection.execute("INSERT INTO tally VALUES (?, 'Waiting', ?, ?)", tally)


def send(connection: sqlite3.Connection, job: str, tasks: Iterable[str]) -> None:
    """Puts these tasks into the queue."""
    connection.executemany(
        "INSERT INTO message (priority, job, task, owner)"
        f" SELECT priority, id, ?, iif(paused, '{PAUSED}', NULL) FROM job WHERE id = ?",
        ((task, job) for task in tasks),
    )


def known_as(connection: sqlite3.Connection, job: str) -> str | None:
    """The id of a job that has this one, or one that Windows and macOS take for the same; None if there is none."""
    found = connection.execute("SELECT id FROM job WHERE id = ? COLLATE NOCASE", (job,)).fetchone()
    return None if found is None else str(found[0])


def version(connection: sqlite3.Connection) -> tuple[int, int]:
    """Another with any change of any job."""
    jobs, changes = connection.execute("SELECT count(*), coalesce(sum(changes), 0) FROM job").fetchone()
    return int(jobs), int(changes)


def jobs(connection: sqlite3.Connection) -> list[Job]:
    """All jobs, the newest first."""
    rows = connection.execute(
        "SELECT id, name, created, status, priority, paused, person,"
        f" coalesce(json_extract(head, '$.data.{STOPPED}'), ''), EXISTS (SELECT 1 FROM tile WHERE tile.job = job.id),"
        " blender FROM job ORDER BY created DESC, id"
    ).fetchall()
    frames: dict[str, dict[str, int]] = {}
    besides: dict[str, dict[str, int]] = {}  # where each frame has a task: those of tiles
    for job, status, tasks, count in connection.execute("SELECT job, status, tasks, frames FROM tally WHERE tasks > 0"):
        besides.setdefault(job, {})[status] = tasks - count
        if count:
            frames.setdefault(job, {})[status] = count
    none: dict[str, int] = {}
    tiles = {id: besides.get(id, none) if in_tiles else none for id, *_, in_tiles, _ in rows}
    return [
        Job(
            *(id, name, created, status, priority, frames.get(id, {}), bool(paused), person, stopped),
            tiles=sum(tiles[id].values()),
            tiles_done=tiles[id].get("Finished", 0),
            blender=blender,
        )
        for id, name, created, status, priority, paused, person, stopped, _, blender in rows
    ]


def frames_by_status(connection: sqlite3.Connection, job: str) -> dict[str, str]:
    """The frames of a job, as people write them, by the status of their task. Takes as long as what it gives is: it
    looks at the first and last task of each stretch, since tasks are in the order of their frames."""
    (all_frames,) = connection.execute("SELECT frames FROM job WHERE id = ?", (job,)).fetchone()
    spans = frame_list.spans_in(all_frames)
    rows = connection.execute(
        "SELECT stretch.status, one.frames, other.frames FROM stretch JOIN task AS one ON one.number = stretch.first"
        " JOIN task AS other ON other.number = stretch.last WHERE stretch.job = ? ORDER BY stretch.first",
        (job,),
    )
    found: dict[str, list[tuple[int, int]]] = {}
    for status, begin, end in rows.fetchall():
        first, last = frame_list.spans_in(begin)[0][0], frame_list.spans_in(end)[-1][1]
        found.setdefault(status, []).extend(_cut(spans, first, last))
    return {status: frame_list.in_spans(cut) for status, cut in found.items()}


def _cut(spans: Sequence[tuple[int, int]], first: int, last: int) -> Iterator[tuple[int, int]]:
    """What of the spans, which ascend, lies from `first` to `last`."""
    place = bisect_left(spans, first, key=itemgetter(1))
    while place < len(spans) and spans[place][0] <= last:
        yield max(first, spans[place][0]), min(last, spans[place][1])
        place += 1


def failures(connection: sqlite3.Connection, job: str, *, most: int) -> list[Failure]:
    """Which frames failed and why: the first `most` tasks."""
    rows = connection.execute(
        "SELECT frames, json_extract(body, '$.data.error'), worker FROM frame_task WHERE job = ? AND status = 'Errored'"
        " ORDER BY number LIMIT ?",
        (job, most),
    )
    return [Failure(frames, why or "nothing was said of why", worker or "") for frames, why, worker in rows.fetchall()]


def warnings(connection: sqlite3.Connection, job: str) -> list[Warned]:
    """What puts frames of a job in doubt, and which."""
    rows = connection.execute("SELECT frames, words FROM warning WHERE job = ? ORDER BY words", (job,))
    return [Warned(frames, words) for frames, words in rows.fetchall()]


def head(connection: sqlite3.Connection, job: str) -> dict[str, Any]:
    """A job's data.json without status and tasks."""
    (text,) = connection.execute("SELECT head FROM job WHERE id = ?", (job,)).fetchone()
    found: dict[str, Any] = json.loads(text)
    return found


def scene(connection: sqlite3.Connection, job: str) -> dict[str, Any]:
    """What is rendered: `engine`, `image_format`, `width` and `height`; nothing of a job that is not there."""
    found = head_of(connection, job)
    if found is None:
        return {}
    render, size = found.get("render", {}), found.get("resolution", {})
    width, height = (int(size.get(side, 0) * size.get("scale", 100) / 100) for side in ("x", "y"))
    return {
        "engine": render.get("renderer"),
        "image_format": render.get("image_format"),
        "width": width,
        "height": height,
    }


def head_of(connection: sqlite3.Connection, job: str) -> dict[str, Any] | None:
    """The same of a job that may not be there."""
    there = connection.execute("SELECT 1 FROM job WHERE id = ?", (job,)).fetchone()
    return head(connection, job) if there else None


def status(connection: sqlite3.Connection, job: str) -> str | None:
    row = connection.execute("SELECT status FROM job WHERE id = ?", (job,)).fetchone()
    return None if row is None else str(row[0])


def task(connection: sqlite3.Connection, job: str, task_id: str) -> bytes | None:
    """A task as it is known, as JSON."""
    row = connection.execute("SELECT body FROM task WHERE job = ? AND id = ?", (job, task_id)).fetchone()
    return None if row is None else str(row[0]).encode()


def cancel(connection: sqlite3.Connection, job: str) -> None:
    """Takes what is left of a job out of the queue. What a worker has begun is taken from it when it gives it back."""
    connection.execute("UPDATE job SET canceled = 1 WHERE id = ?", (job,))
    drop_canceled(connection)
    tiles.cancel(connection, job, now())
    has_changed(connection, job)


def drop_canceled(connection: sqlite3.Connection) -> None:
    """Takes tasks of canceled jobs that nobody holds out of the queue."""
    gone = f"FROM message WHERE (owner IS NULL OR owner = '{PAUSED}') AND job IN (SELECT id FROM job WHERE canceled)"
    jobs = connection.execute(f"SELECT DISTINCT job {gone}").fetchall()
    if not jobs:
        return
    connection.execute(
        "UPDATE task SET status = 'Aborted', body = json_set(body, '$.status', 'Aborted', '$.time.abort', ?)"
        f" WHERE (job, id) IN (SELECT job, task {gone})",
        (now(),),
    )
    connection.execute(f"DELETE {gone}")
    for (job,) in jobs:
        has_changed(connection, job)


def put_back(connection: sqlite3.Connection, where: str, values: tuple[object, ...]) -> None:
    """These messages wait again for whoever takes them; those of paused and canceled jobs don't."""
    connection.execute(
        "UPDATE message SET redelivered = 1,"
        f" owner = (SELECT iif(paused, '{PAUSED}', NULL) FROM job WHERE job.id = message.job) WHERE {where}",
        values,
    )
    drop_canceled(connection)


def remove_message(connection: sqlite3.Connection, job: str, task: str) -> None:
    """The task's message is settled."""
    connection.execute(
        "DELETE FROM fed WHERE number IN (SELECT number FROM message WHERE job = ? AND task = ?)", (job, task)
    )
    connection.execute("DELETE FROM message WHERE job = ? AND task = ?", (job, task))
    message_is_gone(connection, job, task)


def message_is_gone(connection: sqlite3.Connection, job: str, task: str) -> None:
    """The task's message was acked. If its worker gave it up because its job was canceled, which it no longer is, it is
    queued again."""
    aborted = "job = ? AND id = ? AND status = 'Aborted' AND NOT (SELECT canceled FROM job WHERE job.id = task.job)"
    if _queue_again(connection, aborted, (job, task)):
        has_changed(connection, job)
    _settle_picture(connection, job, task)


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
            (now(), why, job, picture),
        )
    elif _is_ready(connection, job, picture):
        send(connection, job, [picture])
    has_changed(connection, job)


def _is_ready(connection: sqlite3.Connection, job: str, picture: str) -> bool:
    """Whether a worker may have the task of a picture; tiles of another version of Blender are rendered anew before."""
    mixed = tiles.of_other_blenders(connection, job, picture)
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


def retry_some(connection: sqlite3.Connection, job: str, frames: Collection[int]) -> int:
    """Queues again those tasks of a job that failed or were canceled and have any of these frames; gives how many."""
    rows = connection.execute(
        "SELECT id, frames FROM task WHERE job = ? AND status IN ('Errored', 'Aborted')", (job,)
    ).fetchall()
    wanted = set(frames)
    chosen = [id for id, text in rows if not wanted.isdisjoint(frame_list.numbers_in(text))]
    connection.execute("UPDATE job SET canceled = 0 WHERE id = ?", (job,))
    queued = sum(_queue_again(connection, "job = ? AND id = ?", (job, id)) for id in chosen)
    has_changed(connection, job)
    return queued


def retry(connection: sqlite3.Connection, job: str) -> int:
    """Queues again what failed of a job or was canceled; gives how many tasks. Those of a canceled job that a worker
    still has count too: it goes on with them, or has given them up, and `message_is_gone` comes."""
    (held,) = connection.execute(
        "SELECT count(*) FROM message JOIN job ON job.id = message.job WHERE job = ? AND canceled", (job,)
    ).fetchone()
    connection.execute("UPDATE job SET canceled = 0 WHERE id = ?", (job,))
    queued: int = held + _queue_again(connection, "job = ? AND status IN ('Errored', 'Aborted')", (job,))
    has_changed(connection, job)
    return queued


def queue_again(connection: sqlite3.Connection, job: str, task: str) -> None:
    """Queues a task again, whatever has become of it."""
    _queue_again(connection, "job = ? AND id = ?", (job, task))


def _queue_again(connection: sqlite3.Connection, which: str, values: tuple[str, ...]) -> int:
    """Queues these tasks of one job, but for those that have a message; gives how many. Those that wait for tiles come
    when these are there."""
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
        found = (task for _, _, task in sorted(rows))
        send(connection, job, [t for t in found if t not in in_tiles or _is_ready(connection, job, t)])
    return len(rows)


def unwritten(connection: sqlite3.Connection) -> dict[str, str]:
    """The jobs whose data.json does not know all yet, each with its status."""
    return dict(connection.execute("SELECT id, status FROM job WHERE written < changes").fetchall())


def data_json(connection: sqlite3.Connection, job: str) -> tuple[int, Iterable[str]]:
    """How many changes of a job there were, and the text of its data.json with all of them: in pieces, to be had within
    the transaction."""
    head, status, changes = connection.execute("SELECT head, status, changes FROM job WHERE id = ?", (job,)).fetchone()
    tasks = connection.execute("SELECT body FROM frame_task WHERE job = ? ORDER BY number", (job,))
    return changes, as_data_json(json.loads(head), status, (body for (body,) in tasks))


def as_data_json(head: Mapping[str, Any], status: str, tasks: Iterable[str]) -> Iterator[str]:
    """The text of a data.json, in pieces: none is so large that other threads would have to wait. `tasks` are JSON
    already."""
    yield json.dumps({**head, "status": {"Job": status}}, indent=2).removesuffix("\n}") + ',\n  "tasks": ['
    between = "\n    "
    for task in tasks:
        yield between + task
        between = ",\n    "
    yield "\n  ]\n}\n"


def note_written(connection: sqlite3.Connection, job: str, changes: int) -> None:
    connection.execute("UPDATE job SET written = ? WHERE id = ?", (changes, job))


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def has_changed(connection: sqlite3.Connection, job: str) -> None:
    """The job's status and its data.json follow from what its tasks are now."""
    (canceled,) = connection.execute("SELECT canceled FROM job WHERE id = ?", (job,)).fetchone()
    rows = connection.execute("SELECT status, tasks FROM tally WHERE job = ? AND tasks > 0", (job,))
    status = "Canceled" if canceled else job_status(dict(rows.fetchall()))
    connection.execute("UPDATE job SET status = ?, changes = changes + 1 WHERE id = ?", (status, job))


def job_status(tasks: Mapping[str, int]) -> str:
    """A job's status by how many of its tasks have which."""
    if set(tasks) <= {"Waiting"}:
        return "Queued"
    if not _UNFINISHED.isdisjoint(tasks):
        return "Running"
    return "Errored" if "Errored" in tasks else "Finished"
