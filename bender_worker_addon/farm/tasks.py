# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks: what is known of each: who rendered it, when, on what, how long that took, and what its Blender printed last
when it failed. Each works inside a transaction of the Database."""

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import books
from .frame_list import joined
from .merging import merged, stays

OUTPUT = "output"  # the key of a task's `data` under which a worker tells it

_LINES, _BYTES = 40, 8192  # of an output that are kept
WARNINGS, _LONGEST_WARNING = 20, 300  # of a job or a task that are kept, letters of each
_OUTPUTS = 500  # that are kept of a job: one of 100 000 frames fails for few reasons
_TIMINGS, _NAME, _LONGEST = 32, 40, 1e9  # that are believed of a task, letters of their names, seconds of each


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """`number` counts the tasks of a job from 1, in the order of their frames, which are written as people do. `worker`
    had it last, from `start` to `finish` (RFC 3339; that is when it failed, if it did), on `device`; "" where nobody
    knows. `timings`: seconds by what they went into. `error`: why it failed the last time; `output`: what its Blender
    printed last then, which lists leave out. `warnings`: what puts its frames in doubt, a line each."""

    number: int
    id: str
    frames: str
    status: str
    worker: str = ""
    start: str = ""
    finish: str = ""
    device: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    output: str = ""
    warnings: str = ""


def merge(connection: sqlite3.Connection, body: bytes, *, worker: str = "") -> bool:
    """Enters what a report says of its task, and that it was this worker's; gives whether it is a task of a job
    here, with the frames it has."""
    told = json.loads(body)
    if not isinstance(told, dict):
        return False
    job, task = told.get("parent_id"), told.get("id")
    if not isinstance(job, str) or not isinstance(task, str):
        return False
    row = connection.execute("SELECT number, body, frames FROM task WHERE job = ? AND id = ?", (job, task)).fetchone()
    if row is None:
        return False
    number, before, frames = row[0], json.loads(row[1]), row[2]
    if _frames(told) != _frames(before):
        return False
    _keep_output(connection, job, number, told)
    _keep_warnings(connection, job, frames, told)
    known = merged(before, told)
    whose = None if stays(before, told) else worker or None
    connection.execute(
        "UPDATE task SET status = ?, body = ?, worker = coalesce(?, worker) WHERE number = ?",
        (known["status"], json.dumps(known), whose, number),
    )
    books.has_changed(connection, job)
    return True


def tasks(
    connection: sqlite3.Connection, job: str, *, after: int = 0, most: int, status: str | None = None
) -> list[TaskRecord]:
    """Those of a job whose number is higher than `after`, of this status if one is named, at most so many."""
    first, _ = _span(connection, job)
    rows = connection.execute(
        "SELECT number, id, frames, status, worker, body FROM frame_task"
        " WHERE job = ? AND number > ? AND (status = ? OR ? IS NULL) ORDER BY number LIMIT ?",
        (job, first - 1 + after, status, status, most),
    )
    return [_record(row, first) for row in rows.fetchall()]


def record(connection: sqlite3.Connection, job: str, number: int) -> TaskRecord | None:
    """The task of that number, with its output; None if there is none."""
    first, last = _span(connection, job)
    if not 1 <= number <= last - first + 1:
        return None
    row = connection.execute(
        "SELECT task.number, id, frames, status, worker, body, output.text FROM task"
        " LEFT JOIN output ON output.task = task.number WHERE task.job = ? AND task.number = ?",
        (job, first - 1 + number),
    ).fetchone()
    return None if row is None else _record(row[:6], first, output=row[6] or "")


def number_of(connection: sqlite3.Connection, job: str, frame: int) -> int | None:
    """The number of the task that has this frame; None if none has. Tasks are in the order of their frames."""
    first, last = _span(connection, job)

    def frames_of(number: int) -> str:
        (frames,) = connection.execute("SELECT frames FROM task WHERE number = ?", (number,)).fetchone()
        return str(frames)

    def begins_at(number: int) -> int:
        return int(frames_of(number).replace("-", ",").partition(",")[0])

    before = bisect_right(range(first, last + 1), frame, key=begins_at)
    return before if before and _has(frames_of(first - 1 + before), frame) else None


def record_of(
    number: int, id: str, frames: str, status: str, worker: str, wire: Mapping[str, Any], *, output: str = ""
) -> TaskRecord:
    """What the task itself, as it was reported, says of that; believed only where it is what it should be."""
    time, data = _object(wire.get("time")), _object(wire.get("data"))
    error = _text(data.get("error"))
    return TaskRecord(
        number,
        id,
        frames,
        status,
        worker,
        _text(time.get("start")),
        _text(time.get("error") if error else time.get("finish")),
        _text(data.get("device")),
        timings_of(data.get("timings")),
        error,
        output if error else "",
        "\n".join(warnings_of(data)),
    )


def output_of(lines: Iterable[str]) -> str:
    """The last of these lines, as they are kept."""
    text = "\n".join(list(lines)[-_LINES:]).encode("utf-8", "replace")
    kept = text[-_BYTES:].decode("utf-8", "ignore")
    return kept if len(text) <= _BYTES else kept.partition("\n")[2] or kept


def _frames(task: Mapping[str, Any]) -> tuple[Any, Any]:
    """Which they are, and of which format: that never changes."""
    blender = _object(_object(task.get("command")).get("Blender"))
    return _object(blender.get("frame")).keys(), blender.get("image_format")


def _keep_output(connection: sqlite3.Connection, job: str, number: int, told: dict[str, Any]) -> None:
    """It is taken out of the task, which every change rewrites and data.json has too."""
    data = told.get("data")
    output = data.pop(OUTPUT, None) if isinstance(data, dict) else None
    if not isinstance(output, str) or not output:
        return
    kept = output_of(output[-_BYTES:].splitlines())
    connection.execute("INSERT OR REPLACE INTO output VALUES (?, ?, ?)", (number, job, kept))
    connection.execute(
        "DELETE FROM output WHERE job = ? AND task <= coalesce("
        "(SELECT task FROM output WHERE job = ? ORDER BY task DESC LIMIT 1 OFFSET ?), -1)",
        (job, job, _OUTPUTS),
    )


def _keep_warnings(connection: sqlite3.Connection, job: str, frames: str, told: dict[str, Any]) -> None:
    """By job: most often all its frames have the same."""
    for words in warnings_of(_object(told.get("data"))):
        key = (job, words)
        before = connection.execute("SELECT frames FROM warning WHERE job = ? AND words = ?", key).fetchone()
        of_job = connection.execute("SELECT count(*) FROM warning WHERE job = ?", (job,)).fetchone()[0]
        if before is not None or of_job < WARNINGS:
            all_frames = joined(frames if before is None else f"{before[0]},{frames}")
            connection.execute("INSERT OR REPLACE INTO warning VALUES (?, ?, ?)", (*key, all_frames))


def warnings_of(data: Mapping[str, Any]) -> list[str]:
    """Those of a report, or of what is kept of one; what of it the farm hasn't got is one of them."""
    lines = [*_text(data.get("warnings")).splitlines()[:WARNINGS], *_text(data.get("left")).splitlines()[:1]]
    return [line[:_LONGEST_WARNING] for line in lines if line.strip()]


def _span(connection: sqlite3.Connection, job: str) -> tuple[int, int]:
    """The first and the last row of the job's tasks: entered at once, in the order of their frames; tiles come last."""
    first, last = connection.execute(
        "SELECT (SELECT number FROM frame_task WHERE job = ? ORDER BY number LIMIT 1),"
        " (SELECT number FROM frame_task WHERE job = ? ORDER BY number DESC LIMIT 1)",
        (job, job),
    ).fetchone()
    return (1, 0) if first is None else (first, last)


def _record(row: tuple[int, str, str, str, str | None, str], first: int, *, output: str = "") -> TaskRecord:
    number, id, frames, status, worker, body = row
    return record_of(number - first + 1, id, frames, status, worker or "", json.loads(body), output=output)


def timings_of(told: object) -> dict[str, float]:
    """Seconds by what they went into, as far as that is what a worker tells."""
    try:
        found = _object(json.loads(told) if isinstance(told, str) else {})
    except (ValueError, RecursionError):
        return {}
    seconds = {name[:_NAME]: float(value) for name, value in found.items() if type(value) in (int, float)}
    return {name: value for name, value in list(seconds.items())[:_TIMINGS] if 0 <= value < _LONGEST}


def _has(frames: str, number: int) -> bool:
    spans = (span.partition("-") for span in frames.split(","))
    return any(int(first) <= number <= int(last or first) for first, _, last in spans)


def _text(found: object) -> str:
    return found if isinstance(found, str) else ""


def _object(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}
