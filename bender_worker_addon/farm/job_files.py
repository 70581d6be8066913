# SPDX-License-Identifier: GPL-3.0-or-later
"""Job files: keeps each job's `data.json` up to date for whoever reads it. Always whole, never older than it was."""

import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path

from ..worker.job_folder import DATA_JSON
from ..worker.lasting import make_last
from . import books
from .database import Database

log = logging.getLogger(__name__)

_EVERY = 1.0  # seconds, at least, between two versions of a file
_SHARE = 20  # the least time between two as a multiple of what the last one took: a job may have 100 000 frames
_AGAIN = 30.0  # seconds until a file that could not be written is tried again


class JobFiles:
    """The files of the jobs in `folder`. Of two processes that write at once, the one that knows less gives way."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder
        self._next: dict[str, float] = {}

    def write_due(self) -> None:
        """Writes what has changed and is due: not so often, but at once when a job is over."""
        with self._database.looking() as connection:
            unwritten = books.unwritten(connection)
        for job, status in unwritten.items():
            if status in books.OVER or time.monotonic() >= self._next.get(job, 0.0):
                self._write(job)

    def write_all(self) -> None:
        """Writes all that has changed."""
        self._next.clear()
        self.write_due()

    def _write(self, job: str) -> None:
        began = time.monotonic()
        try:
            self._replace(job)
        except OSError as error:
            log.warning("job %s: its %s can't be written: %s", job, DATA_JSON, error.strerror)
            self._next[job] = began + _AGAIN
        else:
            self._next[job] = time.monotonic() + max(_EVERY, _SHARE * (time.monotonic() - began))

    def _replace(self, job: str) -> None:
        fresh = self._folder / job / f".{DATA_JSON}.{os.getpid()}"
        with self._database.looking() as connection:
            changes, pieces = books.data_json(connection, job)
        try:
            write(fresh, pieces)
            with self._database.changing() as connection:
                (written,) = connection.execute("SELECT written FROM job WHERE id = ?", (job,)).fetchone()
                if written < changes:
                    make_last(fresh, fresh.with_name(DATA_JSON))
                    books.note_written(connection, job, changes)
        finally:
            fresh.unlink(missing_ok=True)


def write(path: Path, pieces: Iterable[str]) -> None:
    """Writes a text file, for good: what is left to do is to move it into its place."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
