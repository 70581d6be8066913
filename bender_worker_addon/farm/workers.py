# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers: those of a farm, as far as they have said anything. Each works inside a transaction of the Database."""

import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core import tile
from ..core.job import one_line

_FORGOTTEN = 30 * 24 * 3600.0  # seconds of silence
_AWAY = 24 * 3600.0  # seconds of silence
_MISSED, _LATE = 3, 5.0  # heartbeats, and seconds that one may be late
_BEAT, _BEATS = 60.0, (1.0, 3600.0)  # seconds between two heartbeats if nothing is told of that; at least and at most
_NOTED = frozenset({"Paused", "Problem", "Finishing", "Stopped"})
_HELLO_AT_MOST = 16_384  # bytes
_EVENTS = 100  # that are kept of each
_KIND = 200  # letters of a kind of device
_WORDS = 500  # letters of what an event says
_MOST_RENDERERS = 64  # that are believed of a worker
_MADE_UP = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # ids that no person has chosen


HERE, SILENT, STOPPED, AWAY = "here", "silent", "stopped", "away"


@dataclass(frozen=True, slots=True)
class Worker:
    """`seen`: seconds of the system's clock. `hello`: what it has told of itself, which is hostile until shown
    otherwise; empty of a worker that only sends heartbeats. `presence`: HERE; SILENT for three heartbeats; STOPPED, as
    it has said; AWAY for a day."""

    id: str
    seen: float
    hello: Mapping[str, Any]
    presence: str = HERE

    @property
    def name(self) -> str:
        """Its id where somebody has chosen one, else what its machine is called."""
        return (_MADE_UP.fullmatch(self.id) and self.said("name")) or self.id

    @property
    def is_busy(self) -> bool:
        """Whether it had something in hand when it was heard last."""
        return bool(self.said("job")) and self.said("state") != "Stopped"

    def said(self, what: str) -> str:
        """What it tells of itself, if that is text; else ""."""
        found = self.hello.get(what)
        return found if isinstance(found, str) else ""


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
    if told is not None:
        _note_state(connection, worker, told)
    if told is None:
        connection.execute(
            "INSERT INTO worker (id, seen) VALUES (?, ?) ON CONFLICT DO UPDATE SET seen = excluded.seen",
            (worker, time.time()),
        )
    else:
        connection.execute("INSERT OR REPLACE INTO worker VALUES (?, ?, ?)", (worker, time.time(), json.dumps(told)))


def renders_tiles(hello: bytes) -> list[str]:
    """As which makers (see `tile.makers`) who tells this of itself renders tiles of pictures: of its version of
    Blender, and of its kind besides if it has one; none if it renders none."""
    told = _understood(hello) or {}
    return makers_of(told) if told.get("tiles") is True else []


def makers_of(told: Mapping[str, Any]) -> list[str]:
    """Of its version, which may not be known, and of its kind besides, if it has one."""
    blender, kind = blender_of(told), told.get("kind")
    found = [tile.makers(blender)]
    if isinstance(kind, str) and kind:
        found.append(tile.makers(blender, one_line(kind, most=_KIND)))
    return found


def blender_of(told: Mapping[str, Any]) -> str:
    """The version of Blender of who has told this of itself."""
    found = told.get("blender")
    return found if isinstance(found, str) else ""


def makers(connection: sqlite3.Connection) -> set[str]:
    """Of those that are there, or were a moment ago: see `makers_of`."""
    rows = connection.execute(
        "SELECT hello FROM worker WHERE seen > ? AND json_extract(hello, '$.blender') IS NOT NULL"
        " AND coalesce(json_extract(hello, '$.state'), '') <> 'Stopped'",
        (time.time() - _MISSED * _BEAT - _LATE,),
    )
    return {one for (hello,) in rows.fetchall() for one in makers_of(json.loads(hello))}


def renderers(known: Iterable[Worker]) -> tuple[int, dict[str, int]]:
    """How many Blenders render side by side of those workers that are here; and how many of them render tiles, as which
    makers: see `makers_of`."""
    here = [worker.hello for worker in known if worker.presence == HERE]
    of_tiles = Counter[str]()
    for hello in here:
        if hello.get("tiles") is True:
            of_tiles.update(dict.fromkeys(makers_of(hello), _renderers(hello)))
    return sum(map(_renderers, here)), dict(of_tiles)


def _renderers(told: Mapping[str, Any]) -> int:
    count = told.get("renderers")
    return min(max(count, 1), _MOST_RENDERERS) if isinstance(count, int) else 1


def workers(connection: sqlite3.Connection) -> list[Worker]:
    """All that are known, by their ids."""
    rows = connection.execute("SELECT id, seen, hello FROM worker ORDER BY id")
    return [_worker(*row) for row in rows.fetchall()]


def worker(connection: sqlite3.Connection, id: str) -> Worker | None:
    """The one of that id, if it is known."""
    row = connection.execute("SELECT id, seen, hello FROM worker WHERE id = ?", (id,)).fetchone()
    return None if row is None else _worker(*row)


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
    for table in ("event", "command"):
        connection.execute(f"DELETE FROM {table} WHERE worker NOT IN (SELECT id FROM worker)")


def _worker(id: str, seen: float, hello: str) -> Worker:
    told = json.loads(hello)
    return Worker(id, seen, told, _presence(time.time() - seen, told))


def _presence(silent_for: float, told: Mapping[str, Any]) -> str:
    """A clock that was set back makes nobody silent."""
    if silent_for > _AWAY:
        return AWAY
    if told.get("state") == "Stopped":
        return STOPPED
    return SILENT if silent_for > patience(told) else HERE


def patience(told: Mapping[str, Any]) -> float:
    """Seconds that one may say nothing that has told this of itself."""
    beat = told.get("beat")
    beat = min(max(beat, _BEATS[0]), _BEATS[1]) if isinstance(beat, int | float) else _BEAT
    return _MISSED * beat + _LATE


def _note_state(connection: sqlite3.Connection, worker: str, told: Mapping[str, Any]) -> None:
    """That it goes on is worth a word only behind something that was."""
    row = connection.execute("SELECT hello FROM worker WHERE id = ?", (worker,)).fetchone()
    before = None if row is None else json.loads(row[0]).get("state")
    state, detail = told.get("state"), told.get("detail")
    if not isinstance(state, str) or state == before or not (state in _NOTED or str(before) in _NOTED):
        return
    note(connection, worker, "state", "", "", f"{state}: {detail}" if isinstance(detail, str) and detail else state)


def _understood(hello: bytes) -> dict[str, Any] | None:
    if not hello or len(hello) > _HELLO_AT_MOST:
        return None
    try:
        told = json.loads(hello)
        json.dumps(told, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
