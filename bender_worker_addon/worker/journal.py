# SPDX-License-Identifier: GPL-3.0-or-later
"""Journal: what must survive a crash of the worker, in one SQLite file. Used from one thread at a time."""

import sqlite3
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from .errors import FolderInUse, WorkerError

_REMEMBERED = 30 * 24 * 3600  # seconds a finished task is known by

_SCHEMA = """
CREATE TABLE IF NOT EXISTS report (
    id INTEGER PRIMARY KEY AUTOINCREMENT, routing_key TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS finished (
    task_id TEXT PRIMARY KEY, body BLOB NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS uploading (
    task_id TEXT PRIMARY KEY, body BLOB NOT NULL);
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
    """Reports that the broker has not confirmed yet, tasks that are finished or only wait for their upload, and the
    jobs whose blends this worker has stored.

    Opening it takes the data folder for this worker until `close`: SQLite's exclusive lock ends with its process,
    however that ends. Raises FolderInUse if another worker has it; WorkerError, then or later, if it can't be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._database = _opened(path)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                words = f"another worker is running on {path.parent}; give this one its own data_dir"
                raise FolderInUse(words) from error
            raise WorkerError(f"the journal {path} can't be used: {error}") from error
        except (OSError, sqlite3.DatabaseError) as error:
            raise WorkerError(f"the journal {path} can't be used: {error}") from error

    def add_report(self, routing_key: str, body: bytes) -> Report:
        cursor = self._execute("INSERT INTO report (routing_key, body) VALUES (?, ?)", (routing_key, body))
        assert cursor.lastrowid is not None
        return Report(cursor.lastrowid, routing_key, body)

    def remove_report(self, report_id: int) -> None:
        self._execute("DELETE FROM report WHERE id = ?", (report_id,))

    def unconfirmed_reports(self) -> list[Report]:
        rows = self._execute("SELECT id, routing_key, body FROM report ORDER BY id")
        return [Report(*row) for row in rows]

    def remember_finished(self, task_id: str, body: bytes) -> None:
        self._execute("INSERT OR REPLACE INTO finished VALUES (?, ?, ?)", (task_id, body, time.time()))
        self.forget_uploading(task_id)

    def remember_uploading(self, task_id: str, body: bytes) -> None:
        """The task is rendered; `body` says which of its frames are uploaded so far."""
        self._execute("INSERT OR REPLACE INTO uploading VALUES (?, ?)", (task_id, body))

    def forget_uploading(self, task_id: str) -> None:
        self._execute("DELETE FROM uploading WHERE task_id = ?", (task_id,))

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

    def add_blend(self, job_id: str) -> None:
        self._execute("INSERT OR IGNORE INTO blend VALUES (?)", (job_id,))

    def remove_blend(self, job_id: str) -> None:
        self._execute("DELETE FROM blend WHERE job_id = ?", (job_id,))

    def blends(self) -> set[str]:
        return {job_id for (job_id,) in self._execute("SELECT job_id FROM blend")}

    def close(self) -> None:
        self._database.close()

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise WorkerError(f"the journal {self._path} can't be written: {error}; is the disk full?") from error


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
        database.executescript(_SCHEMA)
        database.execute("DELETE FROM finished WHERE at < ?", (time.time() - _REMEMBERED,))
        if_it_fails.pop_all()
        return database
