# SPDX-License-Identifier: GPL-3.0-or-later
"""Journal: what must survive a crash of the worker, in one SQLite file. One thread's at a time, but `settle`."""

import json
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import FolderInUse, WorkerError

log = logging.getLogger(__name__)

_REMEMBERED = 30 * 24 * 3600  # seconds a finished task is known by
_REMEMBERED_AT_MOST = 20_000  # finished tasks, the newest; some 30 MB

_SCHEMA = """
CREATE TABLE IF NOT EXISTS report (
    id INTEGER PRIMARY KEY AUTOINCREMENT, routing_key TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS finished (
    task_id TEXT PRIMARY KEY, body BLOB NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS uploading (
    task_id TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS begun (
    task_id TEXT PRIMARY KEY, times INTEGER NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS blend (
    job_id TEXT PRIMARY KEY);
"""


@dataclass(frozen=True, slots=True)
class Report:
    """A report to the bookkeeper; `id` rises by the order in which reports were made."""

    id: int
    routing_key: str
    body: bytes


class Journal:
    """Reports that the broker has not confirmed yet, tasks that are finished or only wait for their upload, tasks
    that are begun, and the jobs whose blends this worker has stored.

    Opening it takes the data folder for this worker until `close`: SQLite's exclusive lock ends with its process,
    however that ends. Raises FolderInUse if another worker has it; WorkerError, then or later, if it can't be used.
    Writing never waits for the disk: `settle` does that, beside the worker's thread. What can't be written, to a full
    disk for one, is kept in memory until it can.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unwritten: deque[tuple[str, tuple[object, ...]]] = deque()
        self._unsettled = True
        self._told = False  # a trouble that lasts is told once
        self._free = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._database = _opened(path)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                words = f"another worker is running on {path.parent}; give this one its own data_dir"
                raise FolderInUse(words) from error
            raise WorkerError(f"the journal {path} can't be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise WorkerError(f"the journal {path} can't be used: {error}") from error
        except OSError as error:
            raise WorkerError(f"the journal {path} can't be used: {error.strerror}") from error
        row = self._execute("SELECT seq FROM sqlite_sequence WHERE name = 'report'").fetchone()
        self._last_report = 0 if row is None else int(row[0])

    def add_report(self, routing_key: str, body: bytes) -> Report:
        self._last_report += 1
        report = Report(self._last_report, routing_key, body)
        self._write("INSERT INTO report VALUES (?, ?, ?)", (report.id, routing_key, body))
        return report

    def remove_reports(self, report_ids: Collection[int]) -> None:
        self._write("DELETE FROM report WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(report_ids)),))

    def unconfirmed_reports(self) -> list[Report]:
        rows = self._execute("SELECT id, routing_key, body FROM report ORDER BY id")
        return [Report(*row) for row in rows]

    def remember_finished(self, task_id: str, body: bytes) -> None:
        self._write("INSERT OR REPLACE INTO finished VALUES (?, ?, ?)", (task_id, body, time.time()))
        self.forget_uploading(task_id)

    def remember_uploading(self, task_id: str, body: bytes) -> None:
        """The task is rendered; `body` says which of its frames are uploaded so far."""
        self._write("INSERT OR REPLACE INTO uploading VALUES (?, ?)", (task_id, body))

    def forget_uploading(self, task_id: str) -> None:
        self._write("DELETE FROM uploading WHERE task_id = ?", (task_id,))

    def uploading(self) -> list[bytes]:
        """The tasks that wait for their upload, oldest first."""
        return [bytes(body) for (body,) in self._execute("SELECT body FROM uploading ORDER BY rowid")]

    def rendered(self, task_id: str) -> bytes | None:
        """The task as it was when it was last rendered here, or None."""
        for table in ("uploading", "finished"):
            row = self._execute(f"SELECT body FROM {table} WHERE task_id = ?", (task_id,)).fetchone()
            if row is not None:
                return bytes(row[0])
        return None

    def all_rendered(self) -> list[bytes]:
        """Every task of which `rendered` knows."""
        rows = self._execute("SELECT body FROM uploading UNION ALL SELECT body FROM finished")
        return [bytes(body) for (body,) in rows]

    def mark_begun(self, task_id: str) -> None:
        """Counts that a task is begun."""
        self._write(
            "INSERT INTO begun VALUES (?, 1, ?)"
            " ON CONFLICT (task_id) DO UPDATE SET times = times + 1, at = excluded.at",
            (task_id, time.time()),
        )

    def forget_begun(self, task_id: str) -> None:
        self._write("DELETE FROM begun WHERE task_id = ?", (task_id,))

    def times_begun(self, task_id: str) -> int:
        """How often a task was begun since it was forgotten."""
        row = self._execute("SELECT times FROM begun WHERE task_id = ?", (task_id,)).fetchone()
        return 0 if row is None else int(row[0])

    def add_blend(self, job_id: str) -> None:
        self._write("INSERT OR IGNORE INTO blend VALUES (?)", (job_id,))

    def remove_blend(self, job_id: str) -> None:
        self._write("DELETE FROM blend WHERE job_id = ?", (job_id,))

    def blends(self) -> set[str]:
        return {job_id for (job_id,) in self._execute("SELECT job_id FROM blend")}

    def settle(self) -> None:
        """Puts what was written into its place in the file and waits for the disk. For a thread beside the worker's,
        which goes on writing: that is kept for the moment this takes."""
        if not self._unsettled:
            return
        with self._free:
            self._unsettled = False
            with self._told_if_unwritable():
                self._database.execute("PRAGMA wal_checkpoint")
                # The first write after it waits for the disk once more.
                self._database.execute("PRAGMA user_version = 1")
                self._forget_oldest()
                self._write_what_waits()

    def _forget_oldest(self) -> None:
        newest = "(SELECT max(rowid) FROM finished)"
        self._database.execute(f"DELETE FROM finished WHERE rowid <= {newest} - ?", (_REMEMBERED_AT_MOST,))

    def close(self) -> None:
        with self._free, closing(self._database), self._told_if_unwritable():
            self._write_what_waits()

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        self._unwritten.append((statement, values))
        self._unsettled = True
        if self._free.acquire(blocking=False):
            try:
                with self._told_if_unwritable():
                    self._write_what_waits()
            finally:
                self._free.release()

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        with self._free:
            with self._told_if_unwritable():
                self._write_what_waits()
            try:
                return self._database.execute(statement, values)
            except sqlite3.Error as error:
                raise self._unusable(error) from error

    def _write_what_waits(self) -> None:
        while self._unwritten:
            self._database.execute(*self._unwritten[0])
            self._unwritten.popleft()

    @contextmanager
    def _told_if_unwritable(self) -> Iterator[None]:
        """What could not be written to the disk stays in memory. Raises WorkerError for what will never be."""
        try:
            yield
        except sqlite3.OperationalError as error:
            log.log(logging.DEBUG if self._told else logging.WARNING, "%s", self._unusable(error))
            self._told = self._unsettled = True
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        else:
            self._told = False

    def _unusable(self, error: sqlite3.Error) -> WorkerError:
        return WorkerError(f"the journal {self._path} can't be written: {error}; is the disk full?")


def _opened(path: Path) -> sqlite3.Connection:
    with ExitStack() as if_it_fails:
        database = if_it_fails.enter_context(
            closing(sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False))
        )
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA cache_size = -256")  # KiB: rows are written once and hardly ever read
        # Without a sync at each commit a power cut may lose the last ones, never corrupt the file; what is lost
        # was not confirmed by the broker either, so its task comes again.
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA wal_autocheckpoint = 0")  # it would wait for the disk in the midst of a write
        database.executescript(_SCHEMA)
        for table in ("finished", "begun"):
            database.execute(f"DELETE FROM {table} WHERE at < ?", (time.time() - _REMEMBERED,))
        if_it_fails.pop_all()
        return database
