# SPDX-License-Identifier: GPL-3.0-or-later
"""Hello: what a worker tells its farm's server of itself: with each sign of life, and when something has changed."""

import sched
import time
from collections.abc import Mapping

from ..core.snapshot import Snapshot, State
from ..settings.config import WorkerConfig
from ..system import memory
from ..system.platform import NAME
from .life.reporter import Reporter
from .state.record import Record
from .status import Status

_PAUSE = 2.0  # seconds, at least, between two that tell of a change: short tasks change it all the time


class Hello:
    """`run` names this run of the worker, `about` says what its Blender is. `signed`, among what is told: orders that
    are not signed are ignored."""

    def __init__(
        self,
        config: WorkerConfig,
        *,
        run: str,
        about: Mapping[str, str],
        status: Status,
        record: Record,
        reporter: Reporter,
        schedule: sched.scheduler,
    ) -> None:
        self._status = status
        self._record = record
        self._reporter = reporter
        self._schedule = schedule
        self._always = {
            "name": config.name,
            "system": NAME,
            **about,
            "devices": config.devices.split(","),
            "renderers": config.renderers,
            "tiles": config.takes_tiles,
            "beat": config.heart_rate_seconds,
            "run": run,
            "signed": bool(config.token) and not config.is_local,
        }
        self._told: tuple[object, ...] = ()
        self._told_at = -_PAUSE
        self._is_due = False

    def say(self) -> None:
        self._tell(self._status.snapshot())

    def look(self) -> None:
        """To be called whenever something may have changed."""
        snapshot = self._status.snapshot()
        if self._is_due or self._essence(snapshot) == self._told:
            return
        wait = self._told_at + _PAUSE - time.monotonic()
        if wait <= 0:
            self._tell(snapshot)
        else:
            self._is_due = True
            self._schedule.enter(wait, 1, self._now_due)

    def goodbye(self) -> None:
        """The worker ends."""
        self._reporter.tell("hello", {**self._always, "state": State.STOPPED.value})

    def _now_due(self) -> None:
        self._is_due = False
        self.look()

    def _tell(self, snapshot: Snapshot) -> None:
        self._told, self._told_at = self._essence(snapshot), time.monotonic()
        task = snapshot.task
        at_work = {} if task is None else {"job": task.job_id, "frame": task.number, "part": task.part}
        told = {
            **self._always,
            "state": snapshot.state.value,
            "detail": snapshot.detail,
            "device": self._record.device,
            "kind": self._record.kind,
            "memory": round(memory.available() / 1e9, 1),
            "free_disk": snapshot.free_disk,
            "frames": snapshot.frames,
            "failures": snapshot.failures,
            "an_hour": snapshot.an_hour,
            **at_work,
        }
        self._reporter.tell("hello", told)

    def _essence(self, snapshot: Snapshot) -> tuple[object, ...]:
        """What is worth a word when it changes."""
        job = "" if snapshot.task is None else snapshot.task.job_id
        return snapshot.state, snapshot.detail, job, self._record.kind
