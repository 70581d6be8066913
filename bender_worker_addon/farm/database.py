# SPDX-License-Identifier: GPL-3.0-or-later
"""Database: the SQLite file of a farm on one machine: jobs, their tasks, and the queue of messages. Says how it is
opened and what it holds, not what becomes of it: that stands in `books.py` and in `queues/local/`."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import FarmError

FILE = "farm.sqlite"
SERVED = "serve.lock"  # beside it once a server has kept the books: then nobody else does
_VERSION = 3
_PATIENCE = 30.0  # seconds to wait for another process that is writing

_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS job (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created TEXT NOT NULL,
    head TEXT NOT NULL,  -- its data.json without status and tasks
    status TEXT NOT NULL,
    canceled INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL,
    changes INTEGER NOT NULL DEFAULT 0,
    written INTEGER NOT NULL DEFAULT 0);  -- how many of the changes its data.json knows
CREATE INDEX IF NOT EXISTS job_unwritten ON job (id) WHERE written < changes;
CREATE TABLE IF NOT EXISTS task (
    number INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    id TEXT NOT NULL,
    status TEXT NOT NULL,
    frames TEXT NOT NULL,  -- 7 or 1-4,9
    frame_count INTEGER NOT NULL,
    body TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS task_by_id ON task (job, id);
CREATE INDEX IF NOT EXISTS task_by_status ON task (job, status);
CREATE TABLE IF NOT EXISTS tally (
    job TEXT NOT NULL, status TEXT NOT NULL, tasks INTEGER NOT NULL, frames INTEGER NOT NULL,
    PRIMARY KEY (job, status)) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS tally_changes AFTER UPDATE OF status ON task WHEN old.status <> new.status BEGIN
    UPDATE tally SET tasks = tasks - 1, frames = frames - old.frame_count WHERE job = old.job AND status = old.status;
    INSERT INTO tally VALUES (new.job, new.status, 1, new.frame_count)
        ON CONFLICT DO UPDATE SET tasks = tasks + 1, frames = frames + new.frame_count;
END;
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    priority INTEGER NOT NULL DEFAULT 0,
    job TEXT,
    task TEXT,
    body BLOB,  -- of what is no task of a job here; a task's own stands in its row
    owner TEXT,
    redelivered INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS message_ready ON message (priority DESC, number) WHERE owner IS NULL;
CREATE INDEX IF NOT EXISTS message_held ON message (owner) WHERE owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS message_of_task ON message (job, task);
COMMIT;
"""
_SINCE_1 = """
BEGIN IMMEDIATE;
ALTER TABLE job ADD COLUMN person TEXT NOT NULL DEFAULT '';  -- who sent it
ALTER TABLE job ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN worker TEXT;  -- who had it last
CREATE INDEX message_of_job ON message (job, number) WHERE owner IS NULL;
CREATE TABLE fed (  -- messages that RabbitMQ was given
    number INTEGER PRIMARY KEY, confirmed INTEGER NOT NULL);
CREATE TABLE served (person TEXT PRIMARY KEY, turn INTEGER NOT NULL);
CREATE TABLE worker (
    id TEXT PRIMARY KEY,
    seen REAL NOT NULL,  -- seconds of the system's clock
    hello TEXT NOT NULL DEFAULT '{}');
CREATE TABLE credential (
    hash TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 2;
COMMIT;
"""
_SINCE_2 = """
BEGIN IMMEDIATE;
ALTER TABLE credential ADD COLUMN worker TEXT NOT NULL DEFAULT '';  -- the id of the one whose token it is
PRAGMA user_version = 3;
COMMIT;
"""


class Database:
    """An open connection, for one thread. Raises FarmError, then or later, if the file can't be used."""

    def __init__(self, folder: Path, *, durable: bool = False, checkpoints: bool = True) -> None:
        """`folder` is the farm's. `durable`: what is changed outlives a power cut, not only the end of a process.
        Without `checkpoints` changing something never waits for the disk: another connection is to `checkpoint`."""
        self.path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
        except OSError as error:
            raise FarmError(f"the farm's folder {folder} can't be made: {error.strerror}") from error
        except sqlite3.Error as error:
            raise FarmError(f"{self.path} can't be opened: {error}") from error
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
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")  # the first write after it waits once more

    def close(self) -> None:
        self._connection.close()

    def _set_up(self, *, durable: bool, checkpoints: bool) -> None:
        with self._errors_in_words():
            version = self._file_version()
            if version > _VERSION:
                raise FarmError(f"{self.path} was made by a newer Bender Worker; use that one")
            if version < _VERSION:
                self._become_shareable()
                self._upgrade()
            # What a worker writes may be lost in a power cut, the last of it first: an ack never without the reports
            # before it. So the task comes again and is known by the worker's journal.
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            if not checkpoints:
                self._connection.execute("PRAGMA wal_autocheckpoint = 0")

    def _upgrade(self) -> None:
        """Of several that open it at once one does it, and the others find it done."""
        self._connection.executescript(_SCHEMA)
        for version, script in ((2, _SINCE_1), (3, _SINCE_2)):
            if self._file_version() < version:
                try:
                    self._connection.executescript(script)
                except sqlite3.OperationalError:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    if self._file_version() < version:
                        raise

    def _file_version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _become_shareable(self) -> None:
        """For this alone SQLite waits for nobody: of two who open a new file at once one is told that it is locked."""
        deadline = time.monotonic() + _PATIENCE
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
            advice = {"disk I/O error": "; is the disk full?", "readonly": "; may it be written?"}
            words = next((advice[word] for word in advice if word in str(error)), "")
            raise FarmError(f"{self.path} can't be used: {error}{words}") from error
