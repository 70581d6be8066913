# SPDX-License-Identifier: GPL-3.0-or-later
"""Books: what is known of the jobs of a farm on one machine: each works inside a transaction of the Database.

With RabbitMQ that is bender-bookkeeper's work, and `data.json` all there is; here the database knows it first, and
`data.json` follows (`job_files.py`). What people do to them is in `changes.py`, what comes of their tasks' messages in
`queueing.py`.
"""

import json
import sqlite3
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from . import frame_list

OVER = frozenset({"Finished", "Canceled", "Errored"})  # nothing happens to such a job by itself
TAIL = "tail"  # in the `data` of a job's head: the region that each frame is, if the last ones may be cut
STOPPED = "stopped"  # in the `data` of a job's head: why nothing more of it is tried; it is paused then
_UNFINISHED = frozenset({"Waiting", "Queued", "Running", "Paused"})


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


def now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def has_changed(connection: sqlite3.Connection, job: str) -> None:
    """The job's status and its data.json follow from what its tasks are now."""
    (canceled,) = connection.execute("SELECT canceled FROM job WHERE id = ?", (job,)).fetchone()
    rows = connection.execute("SELECT status, tasks FROM tally WHERE job = ? AND tasks > 0", (job,))
    status = "Canceled" if canceled else job_status(dict(rows.fetchall()))
    connection.execute("UPDATE job SET status = ?, changes = changes + 1 WHERE id = ?", (status, job))


def job_status(tasks: Mapping[str, int]) -> str:
    """A job's status by how many of its tasks have which. Where all is over and something was canceled it is, too,
    though others of its frames were rendered since."""
    if set(tasks) <= {"Waiting"}:
        return "Queued"
    if not _UNFINISHED.isdisjoint(tasks):
        return "Running"
    return "Errored" if "Errored" in tasks else "Canceled" if "Aborted" in tasks else "Finished"
