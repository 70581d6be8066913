# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices: what people were told of jobs and workers, and what waits to be told. Both stand in the books, so that a
server that is started anew neither forgets nor repeats. Each works inside a transaction of the Database."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_MOST = 100  # that wait; the oldest go first
_BEGUN = ""  # stands among what was told once anything is followed


@dataclass(frozen=True, slots=True)
class Notice:
    """`failures`: how often it could not be told."""

    number: int
    text: str
    failures: int


def told(connection: sqlite3.Connection) -> dict[str, str] | None:
    """The state of which people were told last, by what it is of; None if nothing is followed so far."""
    found = dict(connection.execute("SELECT what, state FROM told").fetchall())
    return None if found.pop(_BEGUN, None) is None else found


def enter(connection: sqlite3.Connection, states: Mapping[str, str], texts: Sequence[str]) -> int:
    """From now on people know of these states; the texts wait to be told. Gives how many that waited had to go."""
    connection.execute("DELETE FROM told")
    connection.executemany("INSERT INTO told VALUES (?, ?)", [(_BEGUN, ""), *states.items()])
    connection.executemany("INSERT INTO notice (text) VALUES (?)", [(text,) for text in texts])
    newest = "SELECT number FROM notice ORDER BY number DESC LIMIT ?"
    return connection.execute(f"DELETE FROM notice WHERE number NOT IN ({newest})", (_MOST,)).rowcount


def waiting(connection: sqlite3.Connection) -> Notice | None:
    """The oldest that waits."""
    row = connection.execute("SELECT number, text, failures FROM notice ORDER BY number LIMIT 1").fetchone()
    return None if row is None else Notice(*row)


def failed(connection: sqlite3.Connection, number: int) -> None:
    """It could not be told this time."""
    connection.execute("UPDATE notice SET failures = failures + 1 WHERE number = ?", (number,))


def settle(connection: sqlite3.Connection, number: int) -> None:
    """It was told, or is given up."""
    connection.execute("DELETE FROM notice WHERE number = ?", (number,))


def forget(connection: sqlite3.Connection) -> None:
    """Nothing is followed any more."""
    connection.execute("DELETE FROM told")
    connection.execute("DELETE FROM notice")
