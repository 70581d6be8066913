# SPDX-License-Identifier: GPL-3.0-or-later
"""Session: the one worker of this Blender's window, from Start to Stop. Lives in this module, so that opening another
file, closing a window or an ended operator does not touch it. Called from the main thread only."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import AtWork
from ...core.snapshot import STOPPED, Snapshot, State
from ..beside import Beside, in_words
from ..log import EventLog, log_path, log_to_file, stop_logging
from ..versions import about
from . import presence

if TYPE_CHECKING:
    from ...settings.config import WorkerConfig
    from ...worker.life.activity import Pause, Stop
    from ...worker.worker import Worker

log = logging.getLogger(__name__)

_QUIT = 2.0  # seconds that quitting Blender may wait for tasks to be given back
_NAMES = 16  # of jobs that are remembered
_CLOSE = 1.0  # seconds that it may wait for the worker to be closed then


class Session:
    """`snapshot` is what a panel draws, and `shown_events`, the last few lines of the log, newest first;
    `job_names`, by their ids, of the jobs it has worked for; `at_work_elsewhere`: it could not be started, as another
    Blender of hers is at work.

    A worker is opened and closed beside the main thread: a folder on a disk that doesn't answer, or a child that takes
    its time to end, must not hold up the window.
    """

    def __init__(self) -> None:
        self.snapshot: Snapshot = STOPPED
        self.shown_events: tuple[str, ...] = ()
        self.log_path: Path | None = None
        self.config: WorkerConfig | None = None
        self.outpath: Path | None = None
        self.last_tick = 0.0
        self.at_work_elsewhere = False
        self.paused_by_artist = False
        self.paused_by_farm = False
        self.job_names: dict[str, str] = {}
        self._events = EventLog()
        self._opening: Beside[Worker] | None = None
        self._worker: Worker | None = None
        self._closing: Beside[None] | None = None
        self._stop_when_open: Stop | None = None
        self._why_stopped = ""

    @property
    def running(self) -> bool:
        return not (self._opening is None and self._worker is None and self._closing is None)

    @property
    def is_opening(self) -> bool:
        return self._opening is not None

    @property
    def is_paused_until_told(self) -> bool:
        """By her or by the farm; not because she is here or renders."""
        return self.paused_by_artist or self.paused_by_farm

    def start(self, config: "WorkerConfig", *, child_command: list[str]) -> None:
        """Starts a worker. What prevents it is told by the snapshot, as a problem."""
        self.config = config
        self.outpath = config.outpath
        self.log_path = log_path(config.data_dir)
        self.paused_by_artist = self.paused_by_farm = self.at_work_elsewhere = False
        self._why_stopped = ""
        self._stop_when_open = None
        self.snapshot = Snapshot(State.CONNECTING)
        self._opening = Beside("bender-opening", partial(self._opened, config, child_command))

    def fail(self, reason: str) -> None:
        """Ends the worker, if there is one, because it can't work."""
        log.error("the worker can't work: %s", reason)
        self.at_work_elsewhere = False
        self.snapshot = Snapshot(State.PROBLEM, reason)
        if self._worker is not None:
            self._close(self._worker)

    def stop_after_task(self) -> None:
        from ...worker.life.activity import Stop

        self._stop(Stop.AFTER_TASK)

    def stop_now(self) -> None:
        from ...worker.life.activity import Stop

        self._stop(Stop.NOW)

    def pause(self, paused: bool) -> None:
        """It goes on although the farm has paused it, too: this is her machine."""
        self.paused_by_artist = paused
        if not paused and self._worker is not None:
            from ...worker.life.activity import Asker

            self._worker.resume(Asker.FARM)
        self.tick()

    def tick(self) -> bool:
        """Lets the worker work. Never blocks. Gives whether what is shown has changed."""
        if not self.running:
            return False
        self.last_tick = time.monotonic()
        before = self.snapshot, self.shown_events
        with self._problems_told():
            if self._opening is not None and self._opening.done:
                self._begin(self._opening)
            elif self._worker is not None:
                self._work(self._worker)
            elif self._closing is not None and self._closing.done:
                closing, self._closing = self._closing, None
                self._show_stopped()
                closing.result()
        self.shown_events = tuple(self._events.lines)
        return (self.snapshot, self.shown_events) != before

    def quit(self) -> None:
        """Gives everything back and ends the worker, in three seconds at most: Blender is closing."""
        if self.running:
            self._end()
        stop_logging()

    def _end(self) -> None:
        deadline = time.monotonic() + _QUIT
        if self._opening is not None and self._opening.wait(_QUIT):
            self.tick()
        self.stop_now()
        with self._problems_told():
            while self._worker is not None and time.monotonic() < deadline:
                self._work(self._worker, wait=0.05)
        if self._worker is not None:
            self._close(self._worker)
        if self._closing is not None:
            self._closing.wait(_CLOSE)
            self.tick()

    def _opened(self, config: "WorkerConfig", child_command: list[str]) -> "Worker":
        from ...worker.worker import Worker

        log_to_file(config.data_dir, self._events)
        try:
            return Worker(config, child_command=child_command, about=about())
        except AtWork:
            stop_logging()  # the file is the other one's
            raise

    def _begin(self, opening: "Beside[Worker]") -> None:
        self._opening = None
        try:
            self._worker = opening.result()
        except AtWork as error:  # in another Blender of hers, which the panel shows
            log.info("nothing is started here: %s", error)
            self.snapshot, self.at_work_elsewhere = STOPPED, True
            return
        self._worker.start()
        if self._stop_when_open is not None:
            self._worker.stop(self._stop_when_open)

    def _work(self, worker: "Worker", *, wait: float = 0.0) -> None:
        self._keep_out_of_the_way(worker)
        worker.tick(wait)
        self.snapshot = worker.snapshot()
        self._remember_name()
        self.paused_by_farm = worker.is_paused_by_farm
        if worker.over:
            self._why_stopped = worker.stop_reason
            self._close(worker)

    def _remember_name(self) -> None:
        """The last few are enough: the log that is shown is short."""
        task = self.snapshot.task
        if task is not None and task.job not in ("", task.job_id, self.job_names.get(task.job_id)):
            self.job_names = dict([*self.job_names.items(), (task.job_id, task.job)][-_NAMES:])

    def _stop(self, when: "Stop") -> None:
        self._stop_when_open = when
        if self._worker is not None:
            with self._problems_told():
                self._worker.stop(when)
            self.tick()
        elif self._opening is not None:
            self.snapshot = Snapshot(State.FINISHING)

    def _close(self, worker: "Worker") -> None:
        self._worker = None
        self._closing = Beside("bender-closing", worker.close)

    def _show_stopped(self) -> None:
        if self.snapshot.state is not State.PROBLEM:
            detail = self._why_stopped
            self.snapshot = replace(self.snapshot, state=State.STOPPED, detail=detail, task=None, next_job_id="")

    @contextmanager
    def _problems_told(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001  told, and those that nobody foresaw are logged
            self.fail(in_words(error))

    def _keep_out_of_the_way(self, worker: "Worker") -> None:
        if worker.stopping:
            return
        wanted, reason = self._wanted_pause()
        if wanted is None and worker.paused_here is not None:
            worker.resume()
        elif wanted is not None and worker.paused_here is not wanted:
            worker.pause(wanted, reason=reason)

    def _wanted_pause(self) -> "tuple[Pause | None, str]":
        from ...worker.life.activity import Pause

        if self.paused_by_artist:
            return Pause.SUSPEND, ""
        if presence.is_rendering():
            return Pause.SUSPEND, "while you render"
        when_here = presence.wanted_pause()
        return (Pause[when_here], "while you are here") if when_here else (None, "")


session = Session()
