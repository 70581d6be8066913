# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker: its loop, when it works and when it ends. What happens to a task stands in `life.py`.

One thread owns everything in here and calls `tick`; what is slow happens elsewhere and comes back through the inbox.
"""

import enum
import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from ..core.deliveries import Confirmed, Connected, Disconnected, Unwelcome
from ..core.errors import WorkerError
from ..core.in_flight import Stage
from ..core.snapshot import Snapshot, State
from ..core.transfers import JobStatus
from ..settings.config import WorkerConfig
from ..system.disks import DisksSeen
from ..system.systemd import Service
from ..system.threads import Crashed
from . import control
from .assembly import Assembly
from .children.prefetch import SLOW
from .control import Asked

log = logging.getLogger(__name__)

_DISK_EVERY = 10.0  # seconds between two looks at the free space
_SETTLE_EVERY = 2.0  # seconds after which what was written into the journal is put into its place
_STALL_EVERY = 30.0  # seconds, at most, between two looks at whether a child is stuck
_BLENDS_EVERY = 30.0  # seconds, at most, between two looks at which blends may go
_LAST_REPORTS = 5.0  # seconds a stopping worker waits for the broker to confirm what it gave back
_LAST_REPORTS_NOW = 1.0  # the same when it was told to stop now
_SLEEP = 1.0 if os.name == "nt" else 3600.0  # seconds; on Windows a signal doesn't end a wait


@dataclass(frozen=True, slots=True)
class StopRequested:
    """From a signal, whose handler must not do anything itself."""


class Stop(enum.Enum):
    """When a worker that is to stop does so."""

    AFTER_FRAME = "after the frame in hand"
    AFTER_TASK = "after the task in hand"
    NOW = "now"


class Pause(enum.Enum):
    """What a pausing worker does with the task in hand."""

    FINISH = "finish it"
    SUSPEND = "suspend it"
    GIVE_BACK = "give it back"


class Worker:
    """A worker of the farm: `start`, then `tick` until it is `over`, then `close`; or `run`, which does it all.

    `stopping` and `paused` say what it was asked for last.
    """

    def __init__(
        self,
        config: WorkerConfig,
        *,
        child_command: Sequence[str],
        max_tasks: int | None = None,
        idle_exit: float | None = None,
    ) -> None:
        """`child_command` starts a Blender that runs `render_child/start.py`. Ends by itself after `max_tasks` tasks,
        or after `idle_exit` seconds without one. Raises WorkerError if its folders or its settings can't be used."""
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.over = False
        self.stopping: Stop | None = None
        self.paused: Pause | None = None
        self._config = config
        self._idle_exit = idle_exit
        self._paused_because = ""
        self._online = False
        self._offline: Disconnected | None = None
        self._told_offline = ""  # a trouble that lasts is told once
        self._retry_at = 0.0
        self._last_reports = math.inf
        assembly = self._assembly = Assembly(config, child_command=child_command, max_tasks=max_tasks, inbox=self.inbox)
        self._schedule, self._record, self._journal = assembly.schedule, assembly.record, assembly.journal
        self._queue, self._reporter, self._admission = assembly.queue, assembly.reporter, assembly.admission
        self._blends, self._uploads, self._disks = assembly.blends, assembly.uploads, assembly.disks
        self._pool, self._dispatcher, self._life = assembly.pool, assembly.dispatcher, assembly.life
        self._upload_stage, self._settlement = assembly.upload_stage, assembly.settlement

    def run(self) -> None:
        """Works until it is over. Nothing is polled: it sleeps until something comes or is due."""
        service = Service()
        try:
            self.start()
            service.notify("READY=1")
            if service.watchdog is not None:
                self._every(service.watchdog / 3, lambda: service.notify("WATCHDOG=1", f"STATUS={self._in_words()}"))
            wait = 0.0
            while not self.over:
                wait = self.tick(min(wait, _SLEEP))
                time.sleep(self._dispatcher.leisure)
        finally:
            service.notify("STOPPING=1")
            self.close()

    def start(self) -> None:
        config = self._config
        log.info("worker %s; tasks from %s, blends from %s", config.id, config.tasks_from, config.blends_from)
        log.info("frames go to %s", config.outpath)
        self._pool.start_ahead()
        if not config.is_shared:
            self._assembly.load_flaskbender()
        self._admission.start()
        self._queue.start()
        if self._upload_stage is not None:
            self._upload_stage.resume()
        self._every(config.heart_rate_seconds, self._reporter.beat)
        self._every(_DISK_EVERY, self._disks.look)
        self._every(_SETTLE_EVERY, lambda: self._assembly.beside(self._journal.settle))
        self._every(min(max(config.grace_period / 2, 1.0), _BLENDS_EVERY), self._look_after_blends)
        self._every(min(config.stall_timeout / 4, _STALL_EVERY), self._look_for_stall)
        if not config.workload:
            self._every(SLOW, self._look_for_slow_frame)
        if self._idle_exit is not None:
            self._every(max(self._idle_exit / 20, 0.1), self._look_for_idleness)

    def tick(self, wait: float = 0.0) -> float:
        """Deals with all that has come and is due; waits for it for at most `wait` seconds. Gives the seconds until
        something will be due."""
        for event in self._events(wait):
            self._handle(event)
        self._schedule.run(blocking=False)
        self._life.dispatch()
        self._see_if_over()
        return max(0.0, self._schedule.queue[0].time - time.monotonic())

    def stop(self, when: Stop) -> None:
        """Takes no more tasks, gives back those not begun and is over as soon as `when` says."""
        log.info("stopping %s", when.value)
        self.stopping = when
        self._admission.shut()
        self._life.winding_down = True
        if self.paused is Pause.SUSPEND:
            self._dispatcher.suspend(False)
        self._life.give_back_unbegun()
        if when is Stop.NOW:
            self._life.take_back()
        elif when is Stop.AFTER_FRAME:
            self._dispatcher.stop_after_frame()
        self._last_reports = _LAST_REPORTS_NOW if when is Stop.NOW else min(self._last_reports, _LAST_REPORTS)

    def pause(self, how: Pause, *, reason: str = "") -> None:
        """Takes no more tasks until `resume`; `how` says what becomes of the one in hand, `reason` why, for people."""
        log.info("paused %s; the task in hand: %s", reason, how.value)
        self.paused, self._paused_because = how, reason
        self._admission.pause(True)
        self._life.winding_down = True
        self._life.give_back_unbegun()
        if how is Pause.SUSPEND:
            self._dispatcher.suspend(True)
        elif how is Pause.GIVE_BACK:
            self._life.take_back()

    def resume(self) -> None:
        log.info("going on")
        if self.paused is Pause.SUSPEND:
            self._dispatcher.suspend(False)
        self.paused = None
        self._life.winding_down = False
        self._admission.pause(False)

    def snapshot(self) -> Snapshot:
        """What the worker is doing now, for people."""
        state, detail = self._state()
        tasks = self._life.in_flight
        in_hand = next((held for held in tasks if held.stage is Stage.GIVEN and held.begun is not None), None)
        waiting = next((held for held in tasks if held.begun is None and held.stage is not Stage.ENDING), None)
        return Snapshot(
            state=state,
            detail=detail,
            task=None if in_hand is None else self._record.in_hand(in_hand),
            next_job_id="" if waiting is None else waiting.task.job_id,
            last_frame=self._record.last_frame,
            frames=self._record.frames,
            failures=self._record.failures,
            an_hour=self._record.an_hour,
            free_disk=self._record.free_disk,
            uploading=len([held for held in tasks if held.stage is Stage.UPLOADING]),
        )

    def close(self) -> None:
        """Ends every process and thread this worker has started."""
        self._assembly.close()
        log.info("stopped")

    def _state(self) -> tuple[State, str]:
        stages = self._life.stages
        trouble = self._blends.trouble or self._admission.trouble or self._uploads.trouble
        if self.stopping:
            return State.FINISHING, f"stops {self.stopping.value}"
        if self.paused:
            return State.PAUSED, self._paused_because
        if self._offline:
            retry_in = max(0.0, self._retry_at - time.monotonic())
            return State.OFFLINE, f"{self._offline.reason}; retry in {retry_in:.0f} s"
        if not self._online:
            return State.CONNECTING, ""
        if trouble:
            return State.PROBLEM, trouble
        if stages & {Stage.READY, Stage.GIVEN, Stage.STORING}:
            return State.RENDERING, ""
        if Stage.FETCHING in stages:
            return State.DOWNLOADING, ""
        return State.WAITING, ""

    def _in_words(self) -> str:
        state, detail = self._state()
        return f"{state.value}: {detail}" if detail else state.value

    # What comes

    def _events(self, wait: float) -> Iterator[Any]:
        try:
            yield self.inbox.get(timeout=wait) if wait > 0 else self.inbox.get_nowait()
            while True:
                yield self.inbox.get_nowait()
        except Empty:
            return

    def _handle(self, event: Any) -> None:
        match event:
            case Confirmed(report_ids):
                self._told_offline = ""
                self._reporter.confirmed(report_ids)
            case Connected(session):
                self._came_online(session)
            case Disconnected():
                self._went_offline(event)
            case Unwelcome(reason):
                raise WorkerError(reason)
            case Crashed(error):
                raise error
            case JobStatus():
                self._blends.job_is(event)
                self._life.job_is_known(event.job_id)
            case DisksSeen():
                self._disks_seen(event)
            case Asked(word, answer):
                self._asked(word, answer)
            case StopRequested():
                self.stop(Stop.NOW if self.stopping else Stop.AFTER_FRAME)
            case _:
                self._life.handle(event)

    def _asked(self, word: str, answer: Callable[[Mapping[str, Any]], None]) -> None:
        """Somebody outside wants something; see `control`."""
        if word == control.STOP_NOW or (word == control.STOP and not self.stopping):
            self.stop(Stop.NOW if word == control.STOP_NOW else Stop.AFTER_FRAME)
        answer({"id": self._config.id, "pid": os.getpid(), **self.snapshot().as_json()})

    def _disks_seen(self, event: DisksSeen) -> None:
        self._record.free_disk = round(event.gigabytes, 0 if event.gigabytes >= 10 else 1)
        self._disks.seen(event)
        self._admission.disk_has(event.gigabytes, trouble=event.trouble)
        if event.trouble:
            self._life.give_back_unbegun()

    def _came_online(self, session: int) -> None:
        log.info("connected to %s", self._queue.name)
        self._online, self._offline = True, None
        self._settlement.idle_since = time.monotonic()
        self._reporter.connected(session)
        self._reporter.beat()

    def _went_offline(self, event: Disconnected) -> None:
        level = logging.DEBUG if event.reason == self._told_offline else logging.WARNING
        words = "no connection to %s: %s; trying again in %.0f s"
        log.log(level, words, self._queue.name, event.reason, event.retry_in)
        self._told_offline = event.reason
        self._online, self._offline, self._retry_at = False, event, time.monotonic() + event.retry_in
        self._reporter.disconnected()
        self._life.lost_connection()

    # What is done every so often

    def _every(self, seconds: float, do: Callable[[], None]) -> None:
        """Does it now and from now on every so many seconds."""
        self._schedule.enter(seconds, 1, self._every, (seconds, do))
        do()

    def _look_after_blends(self) -> None:
        self._blends.look_after(needed={held.task.job_id for held in self._life.in_flight})

    def _look_for_stall(self) -> None:
        if self.paused is not Pause.SUSPEND:
            self._life.look_for_stall(self._config.stall_timeout)

    def _look_for_slow_frame(self) -> None:
        if self.paused is None:
            self._life.look_for_slow_frame()

    def _look_for_idleness(self) -> None:
        assert self._idle_exit is not None
        if (
            not self._life.in_flight
            and not self.stopping
            and time.monotonic() - self._settlement.idle_since >= self._idle_exit
        ):
            log.info("no task for %g s", self._idle_exit)
            self.stop(Stop.AFTER_TASK)

    def _see_if_over(self) -> None:
        if (
            self._admission.is_done
            and not self.stopping
            and not self._life.in_flight
            and not self._reporter.has_waiting
        ):
            log.info("as many tasks taken as asked for")
            self.stop(Stop.AFTER_TASK)
        if not self.stopping:
            return
        if self._upload_stage is not None and (self.stopping is Stop.NOW or self._uploads.trouble):
            self._upload_stage.leave()
        if self._life.stages - {Stage.ENDING}:
            return
        if not self._reporter.has_waiting:
            self.over = True
        elif math.isfinite(self._last_reports):
            self._schedule.enter(self._last_reports, 1, self._stop_waiting)
            self._last_reports = math.inf

    def _stop_waiting(self) -> None:
        log.warning("the broker did not confirm the last reports in time; they are kept for the next start")
        self.over = True
