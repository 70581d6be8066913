# SPDX-License-Identifier: GPL-3.0-or-later
"""Upkeep: what a farm on one machine wants done beside its queue, on a thread of its own: the jobs' `data.json`, which
may be large, and waiting for the disk, which may be slow."""

import logging
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from ...core.errors import FarmError
from ...farm.database import Database
from ...farm.job_files import JobFiles

log = logging.getLogger(__name__)

_PAUSE = 0.05  # seconds, at least, between two looks at what is to be written
_LOOK = 1.0  # seconds until it is looked for without any news: of a worker that was killed something may be left
_CHECKPOINT = 5.0  # seconds, at least, between two times that the database waits for the disk


class Upkeep:
    """Begins when it is made."""

    def __init__(self, folder: Path, *, jobs: Path) -> None:
        """`folder` is the farm's; `jobs` has a folder a job."""
        self._folder = folder
        self._jobs = jobs
        self._news = threading.Event()
        self._closing = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="bender-upkeep", daemon=True)
        self._thread.start()

    def notify(self) -> None:
        """Something has changed."""
        self._news.set()

    def check(self) -> None:
        """Raises what has ended the thread: FarmError if the farm's files can't be used any more."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Returns when all is written."""
        self._closing.set()
        self._news.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with closing(Database(self._folder)) as database:
                self._keep(database, JobFiles(database, self._jobs))
        except Exception as error:  # noqa: BLE001  `check` raises it again
            self._failure = error
            if isinstance(error, OSError | sqlite3.Error):
                self._failure = FarmError(f"the jobs' files in {self._jobs} can't be kept: {error}")
            if self._closing.is_set():
                log.warning("what changed last is not in the jobs' files: %s", self._failure)

    def _keep(self, database: Database, files: JobFiles) -> None:
        checkpoint_at = time.monotonic() + _CHECKPOINT
        while not self._closing.is_set():
            is_news = self._news.wait(_LOOK)
            self._news.clear()
            files.write_due()
            if is_news and time.monotonic() >= checkpoint_at:
                database.checkpoint()
                checkpoint_at = time.monotonic() + _CHECKPOINT
            self._closing.wait(_PAUSE)
        files.write_all()
