# SPDX-License-Identifier: GPL-3.0-or-later
"""Stored: the frames that the farm itself has put in their place, each inside a transaction of the Database.

Of two workers that rendered the same frame, as after a lost connection, each has a file of its own: the pictures are
the same, their bytes are not, since the time of the render stands in them. The first that is stored stays, and the
books say what it is, whatever is reported of it later.
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

_MARK = "stored"  # the key of a frame in a task's JSON that says so
_OURS = ("filesize", "hash", "uploaded", _MARK)


def size_of(connection: sqlite3.Connection, job: str, task: str, number: int) -> int | None:
    """The bytes of a frame that is stored; None if none is."""
    frame = f'$.command.Blender.frame."{number}"'
    row = connection.execute(
        "SELECT json_extract(body, ? || '.filesize') FROM task WHERE job = ? AND id = ?"
        f" AND json_extract(body, ? || '.{_MARK}')",
        (frame, job, task, frame),
    ).fetchone()
    return None if row is None else int(row[0])


def has_all(connection: sqlite3.Connection, job: str, task: str) -> bool:
    """Whether all frames of a task are stored."""
    (missing,) = connection.execute(
        "SELECT count(*) FROM task, json_each(task.body, '$.command.Blender.frame') AS frame"
        f" WHERE task.job = ? AND task.id = ? AND NOT coalesce(json_extract(frame.value, '$.{_MARK}'), 0)",
        (job, task),
    ).fetchone()
    return not missing


def note(connection: sqlite3.Connection, job: str, task: str, number: int, *, size: int, digest: str) -> bool:
    """The frame is in its place: so many bytes, of this Blake2b-512 in hex. False if there is no such task (any
    more)."""
    told = json.dumps({"filesize": size, "hash": digest, "uploaded": True, _MARK: True})
    frame = f'$.command.Blender.frame."{number}"'
    noted = connection.execute(
        "UPDATE task SET body = json_set(body, ?, json_patch(coalesce(json_extract(body, ?), '{}'), ?))"
        " WHERE job = ? AND id = ?",
        (frame, frame, told, job, task),
    )
    return noted.rowcount > 0


def forget(connection: sqlite3.Connection, job: str, task: str) -> None:
    """The frames of a task are to be rendered anew: what is in their place is no longer what they are."""
    row = connection.execute("SELECT body FROM task WHERE job = ? AND id = ?", (job, task)).fetchone()
    body = json.loads(row[0])
    for frame in body["command"]["Blender"]["frame"].values():
        for key in _OURS:
            frame.pop(key, None)
    connection.execute("UPDATE task SET body = ? WHERE job = ? AND id = ?", (json.dumps(body), job, task))


def is_of_another(known: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Whether the file of a frame that is stored is not the one that a report speaks of."""
    return known.get(_MARK) is True and bool(told.get("hash")) and told["hash"] != known.get("hash")


def merged(known: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a frame's file after a report of it. What is known stays known, unless something else is told;
    of a stored one nothing else is believed."""
    if known.get(_MARK) is True:
        return {**told, **{key: known[key] for key in _OURS if key in known}}
    believed = {key: value for key, value in told.items() if key != _MARK}
    return {**believed, **{key: value for key, value in known.items() if not believed.get(key)}}
