# SPDX-License-Identifier: GPL-3.0-or-later
"""Admission: how many tasks the worker may hold, and when it takes no more."""

import logging

from ...queues.base import TaskQueue

log = logging.getLogger(__name__)

_BACKLOG = 32  # tasks that may wait for their upload before no more are taken


class Admission:
    """Tells the broker how many deliveries to send ahead: `workload`, or if that is 0 as many as are worth holding,
    until `max_tasks` were taken, and none while less than `disklimit` GB are free or a disk can't be written, while
    too many frames wait for their upload, or once it is shut."""

    def __init__(self, *, queue: TaskQueue, workload: int, max_tasks: int | None, disklimit: float) -> None:
        self._queue = queue
        self._fixed = bool(workload)
        self._wanted = workload or 1
        self._max_tasks = max_tasks
        self._disklimit = disklimit
        self._taken = 0
        self._disk_trouble = ""
        self._uploads_full = False
        self._why_none_is_uploaded = ""
        self._paused = False
        self._shut = False

    @property
    def is_open(self) -> bool:
        """Whether a message that comes now is to be taken. A low disk stops the flow, not what has come already."""
        return not self._shut and not self._paused and not self.is_done

    @property
    def is_done(self) -> bool:
        """Whether as many tasks were taken as there were to be."""
        return self._max_tasks is not None and self._taken >= self._max_tasks

    @property
    def trouble(self) -> str:
        """Why no tasks are taken, if somebody should do something about it."""
        if self._disk_trouble:
            return self._disk_trouble
        if self._uploads_full:
            return f"too many finished tasks wait for their upload, no more are taken: {self._why_none_is_uploaded}"
        return ""

    def start(self) -> None:
        self._tell()

    def hold(self, tasks: int) -> None:
        """So many tasks are worth holding; it counts if `workload` leaves that to the worker."""
        if not self._fixed and tasks != self._wanted:
            self._wanted = tasks
            self._tell()

    def took_one(self) -> None:
        self._taken += 1
        if self.is_done:
            self._tell()

    def lost_one(self) -> None:
        """A task that was taken is in the queue again: it is to be taken once more, by whomever."""
        self._taken -= 1
        self._tell()

    def pause(self, paused: bool) -> None:
        self._paused = paused
        self._tell()

    def shut(self) -> None:
        self._shut = True
        self._tell()

    def disk_has(self, gigabytes: float, *, trouble: str = "") -> None:
        """`trouble`: why a disk can't be written, if so."""
        low = "the disk for frames is nearly full: free some space" if gigabytes < self._disklimit else ""
        before, self._disk_trouble = self._disk_trouble, trouble or low
        if bool(before) == bool(self._disk_trouble):
            return
        if trouble:
            log.warning("%s: no tasks until it can", trouble)
        elif low:
            words = "%.1f GB of disk left, disklimit is %g: no tasks until there is room"
            log.warning(words, gigabytes, self._disklimit)
        else:
            log.info("%.1f GB of disk left: tasks are taken again", gigabytes)
        self._tell()

    def uploads_wait(self, tasks: int, why: str) -> None:
        """So many tasks wait for their upload; `why`, if nothing gets through at all."""
        self._why_none_is_uploaded = why or "flaskbender is slower than this worker"
        full = tasks >= _BACKLOG
        if full == self._uploads_full:
            return
        self._uploads_full = full
        if full:
            log.warning("%d tasks wait for their upload: no more are taken until there are fewer", tasks)
        else:
            log.info("tasks are taken again: there is room among the uploads")
        self._tell()

    def _tell(self) -> None:
        taking = self.is_open and not self._disk_trouble and not self._uploads_full
        most = self._wanted if self._max_tasks is None else min(self._wanted, self._max_tasks)
        self._queue.consume(most if taking else 0)
