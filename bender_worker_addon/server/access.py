# SPDX-License-Identifier: GPL-3.0-or-later
"""Access: who may what. People have a key, each worker a token of its own, and a join code gets a worker its token.
Only hashes of tokens and codes are kept; the key stands in a file that its owner alone can read."""

import hashlib
import hmac
import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import FarmError
from ..farm.books import now
from ..farm.database import Database
from ..system.durable import write_private

KEY_FILE = "key"
WORKER, JOIN = "worker", "join"  # kinds of credentials
_TOKENS = 16  # that may have been given to a machine, one at a time, and count still
_ID = 12  # hexadecimal digits of a hash by which people name what they can't see


@dataclass(frozen=True, slots=True)
class Credential:
    """A token or join code that counts. `name`: of the machine that has it, or what the code is for; `worker`: the id
    of that machine's worker, if it has told one; `created` as ISO 8601 has it."""

    id: str
    name: str
    worker: str
    created: str


def the_key(folder: Path) -> str:
    """The key of the people of the farm in `folder`; made if there is none. Raises FarmError if it can't be kept."""
    path = folder / KEY_FILE
    try:
        if path.is_file() and (kept := path.read_text(encoding="utf-8").strip()):
            return kept
        folder.mkdir(parents=True, exist_ok=True)
        fresh = secrets.token_urlsafe(32)
        write_private(path, f"{fresh}\n")
    except OSError as error:
        raise FarmError(f"the farm's key can't be kept in {path}: {error.strerror}") from error
    return fresh


class Access:
    """Compares what is shown with what is known; any thread may ask, each with a Database of its own."""

    def __init__(self, key: str) -> None:
        self._key = _hash(key)

    def is_person(self, key: str) -> bool:
        return hmac.compare_digest(_hash(key), self._key)

    def worker_of(self, database: Database, token: str) -> str | None:
        """The name of the worker whose token that is; None if it is nobody's."""
        with database.looking() as connection:
            return _name_of(connection, WORKER, token)

    def joins(self, database: Database, code: str) -> bool:
        """Whether a join code counts."""
        with database.looking() as connection:
            return _name_of(connection, JOIN, code) is not None


def keys_of(database: Database, worker: str) -> list[str]:
    """By which orders for this worker are signed: one for each token that was given to its machine."""
    with database.looking() as connection:
        rows = connection.execute(
            "SELECT hash FROM credential WHERE kind = ? AND worker = ? ORDER BY created DESC LIMIT ?",
            (WORKER, worker, _TOKENS),
        )
        return [str(hash) for (hash,) in rows.fetchall()]


def issue(database: Database, kind: str, name: str, worker: str = "") -> str:
    """A new token or join code, to be shown once."""
    fresh = secrets.token_urlsafe(32)
    with database.changing() as connection:
        row = _hash(fresh), kind, name, now(), worker
        connection.execute("INSERT INTO credential (hash, kind, name, created, worker) VALUES (?, ?, ?, ?, ?)", row)
    return fresh


def issued(database: Database, kind: str) -> list[Credential]:
    """All of a kind that count, the newest first."""
    with database.looking() as connection:
        rows = connection.execute(
            "SELECT substr(hash, 1, ?), name, worker, created FROM credential WHERE kind = ?"
            " ORDER BY created DESC, hash",
            (_ID, kind),
        )
        return [Credential(*row) for row in rows.fetchall()]


def id_of(secret: str) -> str:
    """By which people name a token or join code without showing it."""
    return _hash(secret)[:_ID]


def revoke(database: Database, kind: str, which: str = "") -> int:
    """What was issued with this id or name, or for this worker, or all of its kind, counts no more; gives how many."""
    with database.changing() as connection:
        return connection.execute(
            "DELETE FROM credential WHERE kind = :kind AND :which IN ('', substr(hash, 1, :digits), name, worker)",
            {"kind": kind, "which": which, "digits": _ID},
        ).rowcount


def _name_of(connection: sqlite3.Connection, kind: str, secret: str) -> str | None:
    row = connection.execute(
        "SELECT name FROM credential WHERE hash = ? AND kind = ?", (_hash(secret), kind)
    ).fetchone()
    return None if row is None else str(row[0])


def _hash(secret: str) -> str:
    """They are long and random: no salt, no slow hash could make them harder to guess."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
