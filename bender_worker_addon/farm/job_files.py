# SPDX-License-Identifier: GPL-3.0-or-later
"""Job files: keeps each job's `data.json` up to date for whoever reads it. Always whole, never older than it was."""

import json
import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from errno import EBUSY
from pathlib import Path
from typing import Any

from ..core.job import DATA_JSON
from ..system.durable import make_durable, sync
from ..system.files import remove
from . import books, tile_files
from .database import Database

log = logging.getLogger(__name__)

_EVERY = 1.0  # seconds, at least, between two versions of a file
_SHARE = 20  # the least time between two as a multiple of what the last one took: a job may have 100 000 frames
_TURN = "writing.lock"
_PATIENCE = 30.0  # seconds to wait for another process that writes
_AGAIN = 30.0  # seconds until a file that could not be written is tried again


class JobFiles:
    """The files of the jobs in `folder`. Of several processes one writes at a time, what is newest then."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._next: dict[str, float] = {}

    def write_due(self) -> None:
        """Writes what has changed and is due: not so often, but at once when a job is over."""
        with self._database.looking() as connection:
            changed = unwritten(connection)
        for job, status in changed.items():
            if status in books.OVER or time.monotonic() >= self._next.get(job, 0.0):
                self._write(job)

    def write_all(self) -> None:
        """Writes all that has changed."""
        self._next.clear()
        self.write_due()

    def _write(self, job: str) -> None:
        began = time.monotonic()
        try:
            with self._turn():
                self._replace(job)
                if tile_files.has_any(self._folder, job):
                    self._look_after_tiles(job)
        except OSError as error:
            log.warning("job %s: its %s can't be written: %s", job, DATA_JSON, error.strerror)
            self._next[job] = began + _AGAIN
        else:
            self._next[job] = time.monotonic() + max(_EVERY, _SHARE * (time.monotonic() - began))

    def _replace(self, job: str) -> None:
        """One that is killed in the midst of it leaves its work to the next one, under the same name."""
        fresh = self._folder / job / f".{DATA_JSON}"
        with self._database.looking() as connection:
            if job not in unwritten(connection):
                return
            changes, pieces = data_json(connection, job)
            try:
                write(fresh, pieces)
                make_durable(fresh, fresh.with_name(DATA_JSON))
            finally:
                remove(fresh)
        with self._database.changing() as connection:
            note_written(connection, job, changes)

    def _look_after_tiles(self, job: str) -> None:
        with self._database.looking() as connection:
            tile_files.delete_useless(connection, self._folder, job)
        with self._database.changing() as connection:
            tile_files.render_lost_anew(connection, self._folder, job)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Ends with its process, however that ends."""
        with closing(sqlite3.connect(self._database.path.with_name(_TURN), timeout=_PATIENCE)) as lock:
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                is_held = "locked" in str(error)
                words = f"another process has been writing for {_PATIENCE:g} s" if is_held else str(error)
                raise OSError(EBUSY, words) from error
            yield


def write(path: Path, pieces: Iterable[str]) -> None:
    """Writes a text file, for good: what is left to do is to move it into its place."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(pieces)
        file.flush()
        sync(file.fileno())


def unwritten(connection: sqlite3.Connection) -> dict[str, str]:
    """The jobs whose data.json does not know all yet, each with its status."""
    return dict(connection.execute("SELECT id, status FROM job WHERE written < changes").fetchall())


def data_json(connection: sqlite3.Connection, job: str) -> tuple[int, Iterable[str]]:
    """How many changes of a job there were, and the text of its data.json with all of them: in pieces, to be had within
    the transaction."""
    head, status, changes = connection.execute("SELECT head, status, changes FROM job WHERE id = ?", (job,)).fetchone()
    tasks = connection.execute("SELECT body FROM frame_task WHERE job = ? ORDER BY number", (job,))
    return changes, as_data_json(json.loads(head), status, (body for (body,) in tasks))


def as_data_json(head: Mapping[str, Any], status: str, tasks: Iterable[str]) -> Iterator[str]:
    """The text of a data.json, in pieces: none is so large that other threads would have to wait. `tasks` are JSON
    already."""
    yield json.dumps({**head, "status": {"Job": status}}, indent=2).removesuffix("\n}") + ',\n  "tasks": ['
    between = "\n    "
    for task in tasks:
        yield between + task
        between = ",\n    "
    yield "\n  ]\n}\n"


def note_written(connection: sqlite3.Connection, job: str, changes: int) -> None:
    connection.execute("UPDATE job SET written = ? WHERE id = ?", (changes, job))
