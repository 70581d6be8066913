# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes: what people may change of a job that is in the books. Each works inside a transaction of the Database; what
is fed to RabbitMQ, or held by a worker, goes on."""

import json
import sqlite3

from .books import PAUSED, STOPPED


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


def _change_head(connection: sqlite3.Connection, job: str, path: str, value: str) -> None:
    """Changes what its data.json says."""
    connection.execute(
        "UPDATE job SET head = json_set(head, ?, json(?)), changes = changes + 1 WHERE id = ?",
        (path, json.dumps(value), job),
    )
