# SPDX-License-Identifier: GPL-3.0-or-later
"""Admission: how many tasks the worker may hold, and when it takes no more."""

import logging

from ...core.in_flight import InFlight, TasksInFlight
from ...queues.base import TaskQueue

log = logging.getLogger(__name__)

_BACKLOG = 32  # tasks that may wait for their upload before no more are taken


class Admission:
    """Tells the queue how many deliveries to send ahead: `workload`, or if that is 0 as many as are worth holding,
    until `max_tasks` were taken, and none while less than `disklimit` GB are free or a disk can't be written, while
    too many frames wait for their upload, or while it is closed."""

    def __init__(
        self,
        *,
        queue: TaskQueue,
        in_flight: TasksInFlight,
        workload: int,
        max_tasks: int | None,
        disklimit: float,
    ) -> None:
        self._queue = queue
        self._in_flight = in_flight
        self._fixed = bool(workload)
        self._wanted = workload or 1
        self._max_tasks = max_tasks
        self._disklimit = disklimit
        self._taken = 0
        self._told = 0
        self._open = True
        self._disk_trouble = ""
        self._uploads_full = False
        self._why_none_is_uploaded = ""

    @property
    def is_open(self) -> bool:
        """Whether a message that comes now is to be taken. A low disk stops the flow, not what has come already."""
        return self._open and not self.is_done

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

    def set_open(self, is_open: bool) -> None:
        self._open = is_open
        self.tell()

    def hold(self, tasks: int) -> None:
        """So many tasks are worth holding; it counts if `workload` leaves that to the worker."""
        if not self._fixed:
            self._wanted = tasks
            self.tell()

    def took_one(self) -> None:
        self._taken += 1
        self.tell()

    def lost_one(self) -> None:
        """A task that was taken is in the queue again: it is to be taken once more, by whomever."""
        self._taken -= 1
        self.tell()

    def set_aside(self, held: InFlight) -> None:
        """The task only waits for something: another may come in its place."""
        held.aside = True
        for delivery in held.deliveries:
            self._queue.set_aside(delivery)

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
        self.tell()

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
        self.tell()

    def tell(self) -> None:
        """Tells the queue how many may be held now, if that has changed."""
        taking = self.is_open and not self._disk_trouble and not self._uploads_full
        prefetch = self._prefetch() if taking else 0
        if prefetch != self._told:
            self._told = prefetch
            self._queue.consume(prefetch)

    def _prefetch(self) -> int:
        """No more may come than are still to be taken, and what is on its way must not be sent back for that: another
        worker would take it for a task that has failed. So the number falls while nothing can be on its way."""
        if self._max_tasks is None:
            return self._wanted
        left = self._max_tasks - self._taken
        held = sum(len(held.deliveries) for held in self._in_flight if not held.aside)
        enough = min(self._wanted, left)
        return enough if held >= self._told or enough >= self._told else min(self._told, left + held)
