# SPDX-License-Identifier: GPL-3.0-or-later
"""Books of a farm as if it had worked for long: for what takes many jobs, machines and frames to see."""

import json
import math
import sqlite3
import struct
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bender_worker_addon.core.tile import Region
from bender_worker_addon.farm import books, changes, new_job, workers
from bender_worker_addon.farm.database import Database
from bender_worker_addon.farm.new_job import NewJob, SceneFacts

SCENE = SceneFacts("5.2.0", "CYCLES", 1920, 1080, 100, 24, 1)
MOMENTS = {"Finished": ("start", "finish"), "Running": ("start",), "Errored": ("start", "error"), "Aborted": ("abort",)}


def add_job(
    farm: Path,
    job: str,
    frames: range,
    statuses: Mapping[range, str] | None = None,
    *,
    name: str = "",
    person: str = "",
    error: str = "",
    seconds: float = 30.0,
    machines: int = 4,
    old: float = 0.0,
    image_format: str = "OPEN_EXR",
    preflight: Sequence[str] = (),
    regions: Sequence[Region] = (),
) -> None:
    """Enters a job whose frames have these statuses, else they wait. What is finished was so one after the other on
    `machines` machines, each frame in so many `seconds`, the last one `old` seconds ago. `regions`: into which each
    frame is cut."""
    about: dict[str, Any] = {
        "blend": "scene.blend",
        "image_format": image_format,
        "scene": SCENE,
        "preflight": preflight,
        "regions": regions,
    }
    told = NewJob(id=job, name=name or job, frames=frames, **about)
    head = new_job.head(told, jobs=farm / "jobs", outpath=farm / "frames")
    (farm / "jobs" / job).mkdir(parents=True)
    with closing(Database(farm)) as database, database.changing() as connection:
        changes.add_job(connection, head, name=told.name, priority=0, tasks=new_job.tasks(told), person=person)
        connection.execute("DELETE FROM message WHERE job = ?", (job,))
        for some, status in (statuses or {}).items():
            _become(connection, job, some, status, error, seconds, seconds / machines, time.time() - old)
        rows = connection.execute("SELECT status, count(*) FROM task WHERE job = ? GROUP BY status", (job,)).fetchall()
        connection.execute(
            "UPDATE job SET status = ?, changes = changes + 1 WHERE id = ?", (books.job_status(dict(rows)), job)
        )


def _become(
    connection: sqlite3.Connection,
    job: str,
    some: range,
    status: str,
    error: str,
    seconds: float,
    apart: float,
    last: float,
) -> None:
    data = {"error": error} if error else {}
    numbers = dict(connection.execute("SELECT frames, number FROM task WHERE job = ?", (job,)).fetchall())
    rows = []
    for frame in some:
        ended = last - (some[-1] - frame) * apart
        times = {moment: _stamp(ended - (seconds if moment == "start" else 0)) for moment in MOMENTS.get(status, ())}
        body = json.dumps({"status": status, "time": times, **({"data": data} if status == "Errored" else {})})
        rows.append((status, body, "machine-1", numbers[str(frame)]))
    if error and status == "Errored":
        output = f"Fra:1 Mem:512M | Rendering\nError: {error}"
        connection.executemany("INSERT INTO output VALUES (?, ?, ?)", [(row[-1], job, output) for row in rows])
    connection.executemany("UPDATE task SET status = ?, body = json_patch(body, ?), worker = ? WHERE number = ?", rows)


def add_worker(farm: Path, worker: str, *, ago: float = 0.0, **hello: object) -> None:
    """One that was heard so many seconds ago, and what it told of itself."""
    with closing(Database(farm)) as database, database.changing() as connection:
        workers.has_been_heard(connection, worker, json.dumps({"name": worker, **hello}).encode())
        connection.execute("UPDATE worker SET seen = ? WHERE id = ?", (time.time() - ago, worker))


def picture(width: int, height: int, number: int) -> bytes:
    """A small PNG with a colour of its own for each number, light above and dark below."""
    hue = [int(127 + 110 * math.sin(number / 9 + turn)) for turn in (0, 2.1, 4.2)]
    rows = b"".join(b"\0" + bytes(int(part * (1.1 - y / height) * 0.9) for part in hue) * width for y in range(height))
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _stamp(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
