# SPDX-License-Identifier: GPL-3.0-or-later
"""Database: the SQLite file of a farm on one machine: jobs, their tasks, and the queue of messages. Says how it is
opened; what it holds stands in `schema.py`, what becomes of it in `books.py`, `changes.py`, `queueing.py` and
`queues/local/`."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import FarmError
from .schema import VERSION, upgrade

FILE = "farm.sqlite"
SERVED = "serve.lock"  # beside it once a server has kept the books: then nobody else does

PATIENCE = 30.0  # seconds

_ADVICE = {
    "disk I/O error": "; is the disk full?",
    "readonly": "; may it be written?",
    "locked": "; another program holds it",
    "malformed": "; it is damaged: end the farm and put a copy of it in its place",
    "not a database": "; it is damaged: end the farm and put a copy of it in its place",
}


class DatabaseTrouble(FarmError):
    """The database can't be used now. The same may go well later: when its disk has room, when nobody else holds it."""


class Database:
    """An open connection, for one thread. Raises DatabaseTrouble, then or later, if the file can't be used."""

    def __init__(
        self, folder: Path, *, durable: bool = False, checkpoints: bool = True, patience: float = PATIENCE
    ) -> None:
        """`folder` is the farm's. `durable`: what is changed outlives a power cut, not only the end of a process.
        Without `checkpoints` changing something never waits for the disk: another connection is to `checkpoint`.
        `patience`: seconds to wait for another process that is writing."""
        self.path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=patience, isolation_level=None)
        except OSError as error:
            raise DatabaseTrouble(f"the farm's folder {folder} can't be made: {error.strerror}") from error
        except sqlite3.Error as error:
            raise DatabaseTrouble(f"{self.path} can't be opened: {error}") from error
        try:
            self._set_up(durable=durable, checkpoints=checkpoints)
        except FarmError:
            self.close()
            raise

    @property
    def version(self) -> int:
        """Another number than before if another connection has changed something since. Cheap."""
        with self._errors_in_words():
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that may change things: all of it is done at its end, or nothing."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def looking(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of things, whatever others change meanwhile."""
        with self._transaction("BEGIN") as connection:
            yield connection

    def checkpoint(self) -> None:
        """Puts what was changed into its place in the file and waits for the disk."""
        with self._errors_in_words():
            self._connection.execute("PRAGMA wal_checkpoint")
            self._connection.execute(f"PRAGMA user_version = {VERSION}")  # the first write after it waits once more

    def close(self) -> None:
        self._connection.close()

    def _set_up(self, *, durable: bool, checkpoints: bool) -> None:
        with self._errors_in_words():
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise FarmError(f"{self.path} was made by a newer Bender Worker; use that one")
            if version < VERSION:
                self._become_shareable()
                upgrade(self._connection)
            # What a worker writes may be lost in a power cut, the last of it first: an ack never without the reports
            # before it. So the task comes again and is known by the worker's journal.
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            if not checkpoints:
                self._connection.execute("PRAGMA wal_autocheckpoint = 0")

    def _become_shareable(self) -> None:
        """For this alone SQLite waits for nobody: of two who open a new file at once one is told that it is locked."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._errors_in_words():
            self._connection.execute(begin)
            try:
                yield self._connection
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself has rolled back when the disk was full
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _errors_in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            words = next((_ADVICE[word] for word in _ADVICE if word in str(error)), "")
            raise DatabaseTrouble(f"{self.path} can't be used: {error}{words}") from error
