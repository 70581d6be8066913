# SPDX-License-Identifier: GPL-3.0-or-later
"""Journal: what must survive a crash of the worker, in one SQLite file. What is asked in the midst of work is in
memory too, so that nobody waits for a disk."""

import json
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import AtWork, WorkerError

log = logging.getLogger(__name__)

_REMEMBERED = 30 * 24 * 3600  # seconds a finished task is known by
_PATIENCE = 0.5  # seconds in which a disk should have taken something
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


def _at_once(work: Callable[[], None]) -> None:
    work()


@dataclass(frozen=True, slots=True)
class Report:
    """A report to the bookkeeper; `id` rises by the order in which reports were made."""

    id: int
    routing_key: str
    body: bytes


class Journal:
    """Reports that the broker has not confirmed yet, tasks that are finished or only wait for their upload, how often a
    task was begun, and the jobs whose blends this worker has downloaded.

    Opening it takes the data folder for this worker until `close`: SQLite's exclusive lock ends with its process,
    however that ends. Raises AtWork if another worker has it; WorkerError, then or later, if it can't be used.
    Nothing waits for the disk but what says so: all is written by `beside`, in its order, and `checkpoint` puts it
    there for good. What can't be written, to a full disk for one, is kept in memory until it can.
    """

    def __init__(self, path: Path, *, beside: Callable[[Callable[[], None]], None] = _at_once) -> None:
        self._path = path
        self._beside = beside
        self._waiting: deque[tuple[str, tuple[object, ...]]] = deque()  # statements
        self._writing = False  # `beside` is to write them
        self._dirty = True  # something was written since the last checkpoint
        self._told = False  # a trouble that lasts is told once
        self._free = threading.Lock()
        with ExitStack() as if_it_fails:
            self._database = if_it_fails.enter_context(closing(_taken(path)))
            row = self._execute("SELECT seq FROM sqlite_sequence WHERE name = 'report'").fetchone()
            self._last_report = 0 if row is None else int(row[0])
            reports = self._execute("SELECT id, routing_key, body FROM report ORDER BY id")
            self._reports = {row[0]: Report(*row) for row in reports}
            self._starts: dict[str, int] = dict(self._execute("SELECT task_id, times FROM begun"))
            uploading = self._execute("SELECT task_id, body FROM uploading ORDER BY rowid")
            self._uploading = {task_id: bytes(body) for task_id, body in uploading}
            finished = self._execute("SELECT task_id FROM finished ORDER BY rowid")
            self._finished: dict[str, None] = dict.fromkeys(task_id for (task_id,) in finished)  # the newest last
            if_it_fails.pop_all()

    # Reports

    def add_report(self, routing_key: str, body: bytes) -> Report:
        self._last_report += 1
        report = self._reports[self._last_report] = Report(self._last_report, routing_key, body)
        self._write("INSERT INTO report VALUES (?, ?, ?)", (report.id, routing_key, body))
        return report

    def remove_reports(self, report_ids: Collection[int]) -> None:
        for report_id in report_ids:
            self._reports.pop(report_id, None)
        self._write("DELETE FROM report WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(list(report_ids)),))

    def unconfirmed_reports(self) -> list[Report]:
        """In the order they were made."""
        return list(self._reports.values())

    # Rendered tasks

    def remember_finished(self, task_id: str, body: bytes) -> None:
        self._finished.pop(task_id, None)
        self._finished[task_id] = None
        while len(self._finished) > _REMEMBERED_AT_MOST:
            del self._finished[next(iter(self._finished))]
        self._write("INSERT OR REPLACE INTO finished VALUES (?, ?, ?)", (task_id, body, time.time()))
        self.forget_uploading(task_id)

    def remember_uploading(self, task_id: str, body: bytes) -> None:
        """The task is rendered; `body` says which of its frames are uploaded so far."""
        self._uploading.pop(task_id, None)
        self._uploading[task_id] = body
        self._write("INSERT OR REPLACE INTO uploading VALUES (?, ?)", (task_id, body))

    def forget_uploading(self, task_id: str) -> None:
        self._uploading.pop(task_id, None)
        self._write("DELETE FROM uploading WHERE task_id = ?", (task_id,))

    def uploading(self) -> list[bytes]:
        """The tasks that wait for their upload, oldest first."""
        return list(self._uploading.values())

    def knows(self, task_id: str) -> bool:
        """Whether the task was rendered here: `rendered` may know it."""
        return task_id in self._uploading or task_id in self._finished

    def rendered(self, task_id: str) -> bytes | None:
        """The task as it was when it was last rendered here, or None. May wait for the disk."""
        for table in ("uploading", "finished"):
            row = self._execute(f"SELECT body FROM {table} WHERE task_id = ?", (task_id,)).fetchone()
            if row is not None:
                return bytes(row[0])
        return None

    def all_rendered(self) -> list[bytes]:
        """Every task of which `rendered` knows. May wait for the disk."""
        rows = self._execute("SELECT body FROM uploading UNION ALL SELECT body FROM finished")
        return [bytes(body) for (body,) in rows]

    # Tasks that may be the end of the worker

    def count_start(self, task_id: str) -> None:
        """Waits until that is written, though not for a disk that hangs: the task may be the end of the worker at
        once."""
        self._starts[task_id] = self.starts(task_id) + 1
        self._write("INSERT OR REPLACE INTO begun VALUES (?, ?, ?)", (task_id, self._starts[task_id], time.time()))
        written = threading.Event()
        self._beside(written.set)
        written.wait(_PATIENCE)

    def forget_starts(self, task_id: str) -> None:
        if self._starts.pop(task_id, None) is not None:
            self._write("DELETE FROM begun WHERE task_id = ?", (task_id,))

    def starts(self, task_id: str) -> int:
        """How often the task was begun since that was forgotten."""
        return self._starts.get(task_id, 0)

    # Blends

    def add_blend(self, job_id: str) -> None:
        self._write("INSERT OR IGNORE INTO blend VALUES (?)", (job_id,))

    def remove_blend(self, job_id: str) -> None:
        self._write("DELETE FROM blend WHERE job_id = ?", (job_id,))

    def blends(self) -> set[str]:
        """The jobs whose blends were downloaded. May wait for the disk."""
        return {job_id for (job_id,) in self._execute("SELECT job_id FROM blend")}

    # The file

    def settle(self) -> None:
        """Has `checkpoint` done by `beside`."""
        self._beside(self.checkpoint)

    def checkpoint(self) -> None:
        """Puts what was written into its place in the file and waits for the disk."""
        if not self._dirty:
            return
        with self._free:
            self._dirty = False
            with self._told_if_unwritable():
                self._database.execute("PRAGMA wal_checkpoint")
                # The first write after it waits for the disk once more.
                self._database.execute("PRAGMA user_version = 1")
                self._forget_oldest()
                self._write_waiting()

    def close(self) -> None:
        with self._free, closing(self._database), self._told_if_unwritable():
            self._write_waiting()

    def _forget_oldest(self) -> None:
        newest = "(SELECT max(rowid) FROM finished)"
        self._database.execute(f"DELETE FROM finished WHERE rowid <= {newest} - ?", (_REMEMBERED_AT_MOST,))

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        self._waiting.append((statement, values))
        self._dirty = True
        if not self._writing:
            self._writing = True
            self._beside(self._write_out)

    def _write_out(self) -> None:
        self._writing = False  # first: what comes from now on may be too late for this time
        with self._free, self._told_if_unwritable():
            self._write_waiting()

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        with self._free:
            with self._told_if_unwritable():
                self._write_waiting()
            try:
                return self._database.execute(statement, values)
            except sqlite3.Error as error:
                raise self._unusable(error) from error

    def _write_waiting(self) -> None:
        while self._waiting:
            self._database.execute(*self._waiting[0])
            self._waiting.popleft()

    @contextmanager
    def _told_if_unwritable(self) -> Iterator[None]:
        """What could not be written to the disk stays in memory. Raises WorkerError for what will never be."""
        try:
            yield
        except sqlite3.OperationalError as error:
            log.log(logging.DEBUG if self._told else logging.WARNING, "%s", self._unusable(error))
            self._told = self._dirty = True
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        else:
            self._told = False

    def _unusable(self, error: sqlite3.Error) -> WorkerError:
        return WorkerError(f"the journal {self._path} can't be written: {error}; is the disk full?")


def _taken(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        return _opened(path)
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            words = f"another worker is running on {path.parent}; give this one its own data_dir"
            raise AtWork(words) from error
        raise WorkerError(f"the journal {path} can't be used: {error}") from error
    except OSError as error:
        raise WorkerError(f"the journal {path} can't be used: {error.strerror}") from error


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
