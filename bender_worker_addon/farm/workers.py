# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers: those of a farm, as far as they have said anything. Each works inside a transaction of the Database."""

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FORGOTTEN = 30 * 24 * 3600.0  # seconds of silence
_HELLO_AT_MOST = 16_384  # bytes
_EVENTS = 100  # that are kept of each
_WORDS = 500  # letters of what an event says


@dataclass(frozen=True, slots=True)
class Worker:
    """`seen`: seconds of the system's clock. `hello`: what it has told of itself, which is hostile until shown
    otherwise; empty of a worker that only sends heartbeats."""

    id: str
    seen: float
    hello: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a worker: `at` in seconds of the system's clock; `what`: the step of a task it has reported
    (finish, error, abort, requeue), or `state`. `words`: why it failed, or the state it is in now."""

    at: float
    what: str
    job: str
    frames: str
    words: str


def has_been_heard(connection: sqlite3.Connection, worker: str, hello: bytes = b"") -> None:
    """It lives; `hello` is JSON of what it tells of itself, if that came along."""
    told = _understood(hello)
    if told is None:
        connection.execute(
            "INSERT INTO worker (id, seen) VALUES (?, ?) ON CONFLICT DO UPDATE SET seen = excluded.seen",
            (worker, time.time()),
        )
    else:
        connection.execute("INSERT OR REPLACE INTO worker VALUES (?, ?, ?)", (worker, time.time(), told))


def workers(connection: sqlite3.Connection) -> list[Worker]:
    """All that are known, by their ids."""
    rows = connection.execute("SELECT id, seen, hello FROM worker ORDER BY id")
    return [Worker(id, seen, json.loads(hello)) for id, seen, hello in rows.fetchall()]


def note(connection: sqlite3.Connection, worker: str, what: str, job: str, frames: str, words: str) -> None:
    """Something that has happened to it."""
    row = (worker, time.time(), what, job, frames[:_WORDS], words[:_WORDS])
    connection.execute("INSERT INTO event (worker, at, what, job, frames, words) VALUES (?, ?, ?, ?, ?, ?)", row)
    connection.execute(
        "DELETE FROM event WHERE worker = ? AND number <="
        " (SELECT number FROM event WHERE worker = ? ORDER BY number DESC LIMIT 1 OFFSET ?)",
        (worker, worker, _EVENTS),
    )


def events(connection: sqlite3.Connection, worker: str) -> list[Event]:
    """The last hundred, the newest first."""
    rows = connection.execute(
        "SELECT at, what, job, frames, words FROM event WHERE worker = ? ORDER BY number DESC", (worker,)
    )
    return [Event(*row) for row in rows.fetchall()]


def heard(connection: sqlite3.Connection) -> tuple[int, float]:
    """Another whenever any of them has been heard."""
    count, last = connection.execute("SELECT count(*), coalesce(max(seen), 0) FROM worker").fetchone()
    return int(count), float(last)


def forget_silent(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM worker WHERE seen < ?", (time.time() - _FORGOTTEN,))
    connection.execute("DELETE FROM event WHERE worker NOT IN (SELECT id FROM worker)")


def _understood(hello: bytes) -> str | None:
    if not hello or len(hello) > _HELLO_AT_MOST:
        return None
    try:
        told = json.loads(hello)
        return json.dumps(told, allow_nan=False) if isinstance(told, dict) else None
    except (ValueError, RecursionError):
        return None
