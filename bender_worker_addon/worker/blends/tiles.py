# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiles of pictures that are to be finished here and were rendered elsewhere: they come into the folder of their job's
blend, each proven by its size and hash, and go when the picture is no longer in hand, however that has ended."""

import logging
import sched
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from ...core import retry
from ...core.errors import BlendError, Remedy
from ...core.task import Task
from ...core.tile import BLAMED, Tile, folder_of
from ...core.transfers import TilesFailed, TileSource, unfinished
from ...system import hashing
from ...system.durable import make_durable
from ...system.executor import Executor
from ...system.files import discard_folder, remove
from ...system.folders import leads_away

log = logging.getLogger(__name__)


class Tiles:
    """Puts TilesReady and TilesFailed into the inbox; its owner tells it of the latter."""

    def __init__(self, folder: Path, *, source: TileSource, executor: Executor, schedule: sched.scheduler) -> None:
        """`folder`: that of blends."""
        self._folder = folder
        self._source = source
        self._executor = executor
        self._schedule = schedule
        self._failures: dict[str, Counter[Remedy]] = {}  # by task
        self._here: dict[str, Task] = {}  # of which tiles have come

    def fetch(self, task: Task) -> None:
        """Sees to it that they come, or that `failed` says why not."""
        self._failures[task.id] = Counter()
        self._here[task.id] = task
        self._download(task)

    def failed(self, event: TilesFailed, task: Task | None) -> BlendError | None:
        """Tries again if that can help and the `task` still waits for them; else gives the error."""
        error, failures = event.error, self._failures.setdefault(event.task_id, Counter())
        failures[error.remedy] += 1
        delay = retry.DOWNLOADS.again_in(error.remedy, failures[error.remedy], retry_after=error.retry_after)
        if delay is None or task is None:
            self._failures.pop(event.task_id)
            return error
        log.warning("task %s: %s; trying again in %.1f s", event.task_id, error, delay)
        self._schedule.enter(delay, 1, self._download, (task,))
        return None

    def keep(self, tasks: Collection[str]) -> None:
        """Those of these tasks, and no others."""
        for id in self._here.keys() - tasks:
            task = self._here.pop(id)
            self._failures.pop(id, None)
            for tile in task.tiles:
                self._executor.do(partial(discard_folder, folder_of(self._folder, task.job_id, tile.task)))

    def _download(self, task: Task) -> None:
        tiles = {tile.file(self._folder, task.job_id, task.frames[0]): tile for tile in task.tiles}
        self._executor.submit(
            partial(self._source.fetch_tiles, task.job_id, task.id, tiles),
            failed=lambda error: TilesFailed(task.id, BlendError(str(error), Remedy.RETRY)),
        )


def fetch_tile(tile: Tile, path: Path, download: Callable[[Path], object]) -> None:
    """One that is here as it should be stays. Raises BlendError, OSError."""
    if _is(tile, path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if leads_away(path.parent):
        raise BlendError(f"{path.parent} is a link to another folder; remove it", Remedy.ELSEWHERE)
    part = unfinished(path)
    try:
        download(part)
        if not _is(tile, part):
            raise BlendError(f"{BLAMED} is not what was rendered: its hash is another", Remedy.RETRY)
        make_durable(part, path)
    except BlendError as error:
        gone = f"{BLAMED} is not with the farm any more"
        words = gone if error.remedy is Remedy.NONE else f"{BLAMED}: {error}"
        raise BlendError(words, error.remedy, retry_after=error.retry_after) from error
    finally:
        remove(part)


def _is(tile: Tile, path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return path.stat().st_size == tile.size and hashing.of(file) == tile.hash
    except FileNotFoundError:
        return False
