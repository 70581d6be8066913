# SPDX-License-Identifier: GPL-3.0-or-later
"""Control: orders for workers, and the logs of tasks that workers were asked for. What takes a connection works inside
a transaction of the Database."""

import json
import sqlite3
import time
from collections.abc import Callable, Sequence

from ..core.errors import FarmError
from ..core.orders import LOG, Order, message
from . import workers
from .database import Database

_PATIENCE, _LOOK = 10.0, 0.1  # seconds in which a worker tells a log, and between two looks at whether it has
_LOGS = 50  # that are kept
_LOG = 1 << 16  # letters of each


def order_for(connection: sqlite3.Connection, worker: str, order: Order, *, keys: Sequence[str] = ()) -> bytes:
    """The message with an order for a worker; `keys`: of its tokens. Raises FarmError if it is not there or takes
    none."""
    known = workers.worker(connection, worker)
    if known is None:
        raise FarmError(f"there is no worker {worker}; `workers` shows those there are")
    run = known.hello.get("run")
    if not isinstance(run, str):
        raise FarmError(f"worker {worker} is of a version that takes no orders")
    if known.presence != workers.HERE:
        raise FarmError(f"worker {worker} is not there: it is {known.presence}")
    if known.hello.get("signed") is True and not keys:
        raise FarmError(f"worker {worker} takes no orders before it has joined this farm again, by `join`")
    return message(order, worker=worker, run=run, number=_next_number(connection), keys=keys)


def ask_for_log(database: Database, give: Callable[[Order], None], *, worker: str, job: str, task: str) -> str:
    """The end of what Blender printed for a task, as the worker has kept it; "" if it has nothing. `give` gives it an
    order. Raises FarmError if it does not tell."""
    with database.changing() as connection:
        connection.execute("DELETE FROM log WHERE job = ? AND task = ?", (job, task))
    give(Order(LOG, job=job, task=task))
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        time.sleep(_LOOK)
        with database.looking() as connection:
            told = log_of(connection, job, task)
        if told is not None:
            return told
    raise FarmError(f"worker {worker} did not tell the log of task {task} in time")


def give(connection: sqlite3.Connection, worker: str, body: bytes) -> None:
    """An order for a worker on this machine, as `order_for` writes it."""
    connection.execute("INSERT INTO command (worker, body, until) VALUES (?, ?, 0)", (worker, body.decode()))


def taken(connection: sqlite3.Connection, worker: str) -> list[bytes]:
    """The orders for this worker, oldest first; they are no longer here then. One that was for an earlier run of it is
    known by that."""
    rows = connection.execute("SELECT body FROM command WHERE worker = ? ORDER BY number", (worker,)).fetchall()
    if rows:
        connection.execute("DELETE FROM command WHERE worker = ?", (worker,))
    return [body.encode() for (body,) in rows]


def enter_log(connection: sqlite3.Connection, body: bytes) -> None:
    """What a worker tells when it was asked for the log of a task; passed over if that is badly told."""
    try:
        told = json.loads(body)
        job, task, text = (told[name] for name in ("job", "task", "text"))
    except (ValueError, RecursionError, KeyError, TypeError):
        return
    if not all(isinstance(one, str) for one in (job, task, text)):
        return
    if connection.execute("SELECT 1 FROM task WHERE job = ? AND id = ?", (job, task)).fetchone() is None:
        return
    connection.execute("INSERT OR REPLACE INTO log VALUES (?, ?, 0, ?)", (job, task, text[-_LOG:]))
    connection.execute(
        "DELETE FROM log WHERE rowid <= (SELECT rowid FROM log ORDER BY rowid DESC LIMIT 1 OFFSET ?)", (_LOGS,)
    )


def log_of(connection: sqlite3.Connection, job: str, task: str) -> str | None:
    """The log of a task, if a worker has told it."""
    row = connection.execute("SELECT text FROM log WHERE job = ? AND task = ?", (job, task)).fetchone()
    return None if row is None else str(row[0])


def _next_number(connection: sqlite3.Connection) -> int:
    """One that no order had, whatever the clock does."""
    number = connection.execute("INSERT INTO command (worker, body, until) VALUES ('', '', 0)").lastrowid
    connection.execute("DELETE FROM command WHERE number = ?", (number,))
    assert number is not None
    return number
