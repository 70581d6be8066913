# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker: its loop, and when it ends. What happens to a task stands in `life/`.

One thread owns everything in here and calls `tick`; what is slow happens elsewhere and comes back through the inbox.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Any

from ..core.deliveries import Confirmed, Connected, Disconnected, Ordered, Unwelcome
from ..core.errors import WorkerError
from ..core.in_flight import Stage
from ..core.snapshot import Snapshot
from ..core.told import told
from ..settings.config import WorkerConfig
from ..system.disks import DisksSeen
from ..system.platform import WINDOWS
from ..system.systemd import Service
from ..system.threads import Crashed
from . import control
from .assembly import Assembly
from .children.child import SLOW
from .control import Asked
from .life.activity import Asker, Pause, Stop
from .orders import LogRead

log = logging.getLogger(__name__)

_DISK_EVERY = 10.0  # seconds between two looks at the free space
_CHECKPOINT_EVERY = 2.0  # seconds after which what was written into the journal is put into its place
_STALL_EVERY = 30.0  # seconds, at most, between two looks at whether a child is stuck
_STATUS_EVERY = 10.0  # seconds after which it is known that a job was canceled elsewhere
_BLENDS_EVERY = 30.0  # seconds, at most, between two looks at which blends may go
_LAST_REPORTS = 5.0  # seconds a stopping worker waits for the broker to confirm what it gave back
_LAST_REPORTS_NOW = 1.0  # the same when it was told to stop now
_LOOK_FOR_DEVICES = 5.0  # seconds after which a child is started to say what there is, if none has said it
_SLEEP = 1.0 if WINDOWS else 3600.0  # seconds; on Windows a signal doesn't end a wait


@dataclass(frozen=True, slots=True)
class StopRequested:
    """From a signal, whose handler must not do anything itself."""


class Worker:
    """A worker of the farm: `start`, then `tick` until it is `over`, then `close`; or `run`, which does it all."""

    def __init__(
        self,
        config: WorkerConfig,
        *,
        child_command: Sequence[str],
        max_tasks: int | None = None,
        idle_exit: float | None = None,
        about: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`child_command` starts a Blender that runs `render_child/start.py`; `about` says of it and of the add-on what
        the farm may know. Ends by itself after `max_tasks` tasks, or after `idle_exit` seconds without one. Raises
        WorkerError if its folders or its settings can't be used."""
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.over = False
        self._config = config
        self._idle_exit = idle_exit
        self._last_reports = math.inf
        assembly = self._assembly = Assembly(
            config, child_command=child_command, max_tasks=max_tasks, about=about, inbox=self.inbox
        )
        self._schedule, self._record, self._journal = assembly.schedule, assembly.record, assembly.journal
        self._queue, self._reporter, self._admission = assembly.queue, assembly.reporter, assembly.admission
        self._blends, self._uploads, self._disks = assembly.blends, assembly.uploads, assembly.disks
        self._pool, self._dispatcher, self._life = assembly.pool, assembly.dispatcher, assembly.life
        self._in_flight, self._activity, self._interrupt = assembly.in_flight, assembly.activity, self._life.interrupt
        self._upload_stage, self._settlement = assembly.upload_stage, assembly.settlement
        self._connection, self._status = assembly.connection, assembly.status
        self._hello, self._orders, self._sleepless = assembly.hello, assembly.orders, assembly.sleepless

    def run(self) -> None:
        """Works until it is over. Nothing is polled: it sleeps until something comes or is due."""
        service = Service()
        try:
            self.start()
            service.notify("READY=1")
            if service.watchdog is not None:
                tell = lambda: service.notify("WATCHDOG=1", f"STATUS={self._status.in_words()}")  # noqa: E731
                self._every(service.watchdog / 3, tell)
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
        self._schedule.enter(_LOOK_FOR_DEVICES, 1, self._look_for_devices)
        if not config.is_shared:
            self._assembly.load_flaskbender()
        self._admission.tell()
        self._queue.start()
        if self._upload_stage is not None:
            self._upload_stage.resume()
        self._every(config.heart_rate_seconds, self._beat)
        self._every(_DISK_EVERY, self._disks.look)
        self._every(_CHECKPOINT_EVERY, self._journal.settle)
        self._every(min(max(config.grace_period / 2, 1.0), _BLENDS_EVERY), self._look_after_blends)
        self._every(_STATUS_EVERY, lambda: self._blends.ask(self._needed))
        stall_every = min(config.stall_timeout / 4, _STALL_EVERY)
        self._every(stall_every, lambda: self._interrupt.look_for_stall(config.stall_timeout))
        if not config.workload:
            self._every(SLOW, self._interrupt.look_for_slow_frame)
        self._settlement.idle_since = time.monotonic()
        if self._idle_exit is not None:
            self._every(max(self._idle_exit / 20, 0.1), self._look_for_idleness)

    def tick(self, wait: float = 0.0) -> float:
        """Deals with all that has come and is due; waits for it for at most `wait` seconds. Gives the seconds until
        something will be due."""
        for event in self._events(wait):
            self._handle(event)
        self._schedule.run(blocking=False)
        self._life.go_on()
        self._see_if_over()
        self._sleepless.look(at_work=bool(self._in_flight.at(Stage.GIVEN)))
        self._hello.look()
        return max(0.0, self._schedule.queue[0].time - time.monotonic())

    @property
    def stopping(self) -> Stop | None:
        """When it is to stop, if it was asked to."""
        return self._activity.stopping

    @property
    def stop_reason(self) -> str:
        """Why it stops, for people, if it was not asked here."""
        return self._activity.stop_reason

    @property
    def paused_here(self) -> Pause | None:
        """How it is paused, as far as that was asked here."""
        return self._activity.paused_by(Asker.HERE)

    @property
    def is_kept_awake(self) -> bool:
        """Whether this machine is asked not to fall asleep."""
        return self._sleepless.is_held

    @property
    def is_paused_by_farm(self) -> bool:
        return self._activity.paused_by(Asker.FARM) is not None

    def stop(self, when: Stop, *, reason: str = "") -> None:
        """Takes no more tasks, gives back those not begun and is over as soon as `when` says; `reason`: why, for
        people."""
        log.info("stopping %s", when.value, extra=told(f"Stopping {when.value}"))
        self._activity.stop(when, reason)
        self._interrupt.reconcile()
        self._last_reports = _LAST_REPORTS_NOW if when is Stop.NOW else min(self._last_reports, _LAST_REPORTS)

    def pause(self, how: Pause, *, reason: str = "") -> None:
        """Takes no more tasks until `resume`; `how` says what becomes of the one in hand, `reason` why, for people."""
        log.info("paused %s; the task in hand: %s", reason, how.value, extra=told(f"Paused {reason}".strip()))
        self._activity.pause(how, reason)
        self._interrupt.reconcile()

    def resume(self, asker: Asker = Asker.HERE) -> None:
        log.info("going on", extra=told("Going on"))
        self._activity.resume(asker)
        self._interrupt.reconcile()

    def snapshot(self) -> Snapshot:
        """What the worker is doing now, for people."""
        return self._status.snapshot()

    def close(self) -> None:
        """Ends every process and thread this worker has started."""
        self._assembly.close()
        for event in self._events(0.0):
            if isinstance(event, Crashed):
                raise event.error
        log.info("stopped", extra=told("Stopped"))

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
                self._connection.proved_itself()
                self._reporter.confirmed(report_ids)
            case Connected():
                self._connection.handle(event)
                self._beat()
            case Disconnected():
                self._connection.handle(event)
            case Ordered():
                self._ordered(event)
            case LogRead():
                self._orders.log_was_read(event)
            case Unwelcome(reason):
                raise WorkerError(reason)
            case Crashed(error):
                raise error
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

    def _ordered(self, event: Ordered) -> None:
        """The farm's server wants something; see `orders`."""
        when = self._orders.carry_out(event)
        if when is not None:
            self.stop(when, reason="as the farm asked")
        self._interrupt.reconcile()

    def _disks_seen(self, event: DisksSeen) -> None:
        self._record.free_disk = round(event.gigabytes, 0 if event.gigabytes >= 10 else 1)
        self._disks.seen(event)
        self._admission.disk_has(event.gigabytes, trouble=event.trouble)
        if event.gigabytes < self._config.disklimit:
            self._blends.make_room(needed=self._needed)
        if event.trouble:
            self._interrupt.give_back_unbegun()

    # What is done every so often

    def _every(self, seconds: float, do: Callable[[], object]) -> None:
        """Does it now and from now on every so many seconds."""
        self._schedule.enter(seconds, 1, self._every, (seconds, do))
        do()

    def _beat(self) -> None:
        self._reporter.beat()
        self._hello.say()

    def _look_for_devices(self) -> None:
        if not self._record.device:
            self._pool.look_for_devices()

    def _look_after_blends(self) -> None:
        self._blends.look_after(needed=self._needed)

    @property
    def _needed(self) -> set[str]:
        """The jobs of tasks here."""
        return {held.task.job_id for held in self._in_flight}

    def _look_for_idleness(self) -> None:
        assert self._idle_exit is not None
        idle_for = time.monotonic() - self._settlement.idle_since
        if not self._in_flight and not self.stopping and idle_for >= self._idle_exit:
            log.info("no task for %g s", self._idle_exit)
            self.stop(Stop.AFTER_TASK)

    # Its end

    def _see_if_over(self) -> None:
        if self._admission.is_done and not (self.stopping or self._in_flight or self._reporter.has_waiting):
            log.info("as many tasks taken as asked for")
            self.stop(Stop.AFTER_TASK)
        if not self.stopping:
            return
        if self._upload_stage is not None and (self.stopping is Stop.NOW or self._uploads.trouble):
            self._upload_stage.leave()
        if not self._life.is_waiting_for_confirmations_only:
            return
        if not self._reporter.has_waiting:
            self._end()
        elif math.isfinite(self._last_reports):
            self._schedule.enter(self._last_reports, 1, self._stop_waiting)
            self._last_reports = math.inf

    def _stop_waiting(self) -> None:
        log.warning("the broker did not confirm the last reports in time; they are kept for the next start")
        self._end()

    def _end(self) -> None:
        if not self.over:
            self._hello.goodbye()
        self.over = True
