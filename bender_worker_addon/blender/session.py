# SPDX-License-Identifier: GPL-3.0-or-later
"""Session: the one worker of this Blender's window, from Start to Stop. Lives in this module, so that opening another
file, closing a window or an ended operator does not touch it. Called from the main thread only."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..worker.errors import WorkerError
from ..worker.snapshot import STOPPED, Snapshot, State
from . import presence
from .log import EventLog, log_to_file

if TYPE_CHECKING:
    from ..worker.config import WorkerConfig
    from ..worker.worker import Pause, Stop, Worker

log = logging.getLogger(__name__)

_QUIT = 2.0  # seconds that quitting Blender may wait for tasks to be given back


class Session:
    """`snapshot` is what a panel draws, and `shown_events`, the last few lines of the log, newest first."""

    def __init__(self) -> None:
        self.snapshot: Snapshot = STOPPED
        self.shown_events: tuple[str, ...] = ()
        self.log_path: Path | None = None
        self.outpath: Path | None = None
        self.last_tick = 0.0
        self._events = EventLog()
        self._worker: Worker | None = None
        self.paused_by_artist = False

    @property
    def running(self) -> bool:
        return self._worker is not None

    def start(self, config: "WorkerConfig", *, child_command: list[str]) -> None:
        """Starts a worker. What prevents it is told by the snapshot, as a problem."""
        from ..worker.worker import Worker

        self.outpath = config.outpath
        self.paused_by_artist = False
        with self._problems_told():
            self.log_path = log_to_file(config.data_dir, self._events)
            self._worker = Worker(config, child_command=child_command)
            self._worker.start()
        self.tick()

    def fail(self, reason: str) -> None:
        """Ends the worker, if there is one, because it can't work."""
        log.error("the worker can't work: %s", reason)
        if self._worker is not None:
            self._end()
        self.snapshot = Snapshot(State.PROBLEM, reason)

    def stop_after_task(self) -> None:
        from ..worker.worker import Stop

        self._stop(Stop.AFTER_TASK)

    def stop_now(self) -> None:
        from ..worker.worker import Stop

        self._stop(Stop.NOW)

    def pause(self, paused: bool) -> None:
        self.paused_by_artist = paused
        self.tick()

    def tick(self) -> bool:
        """Lets the worker work. Never blocks. Gives whether what is shown has changed."""
        if self._worker is None:
            return False
        self.last_tick = time.monotonic()
        before = self.snapshot, self.shown_events
        with self._problems_told():
            self._keep_out_of_the_way(self._worker)
            self._worker.tick()
            self.snapshot = self._worker.snapshot()
            if self._worker.over:
                self._end()
        self.shown_events = tuple(self._events.lines)
        return (self.snapshot, self.shown_events) != before

    def quit(self) -> None:
        """Gives everything back and ends the worker, in about two seconds at most: Blender is closing."""
        if self._worker is None:
            return
        self.stop_now()
        deadline = time.monotonic() + _QUIT
        with self._problems_told():
            while self._worker is not None and not self._worker.over and time.monotonic() < deadline:
                self._worker.tick(0.05)
        if self._worker is not None:
            self._end()

    def _stop(self, when: "Stop") -> None:
        if self._worker is not None:
            with self._problems_told():
                self._worker.stop(when)
            self.tick()

    @contextmanager
    def _problems_told(self) -> Iterator[None]:
        try:
            yield
        except WorkerError as error:
            self.fail(str(error))
        except OSError as error:
            self.fail(f"{error.filename or 'a folder'} can't be used: {error.strerror or error}")

    def _keep_out_of_the_way(self, worker: "Worker") -> None:
        if worker.stopping:
            return
        wanted, reason = self._wanted_pause()
        if wanted is None and worker.paused is not None:
            worker.resume()
        elif wanted is not None and worker.paused is not wanted:
            worker.pause(wanted, reason=reason)

    def _wanted_pause(self) -> "tuple[Pause | None, str]":
        from ..worker.worker import Pause

        if self.paused_by_artist:
            return Pause.SUSPEND, ""
        if presence.is_rendering():
            return Pause.SUSPEND, "while you render"
        when_here = presence.wanted_pause()
        return (Pause[when_here], "while you are here") if when_here else (None, "")

    def _end(self) -> None:
        assert self._worker is not None
        self._worker.close()
        self._worker = None
        self.snapshot = replace(self.snapshot, state=State.STOPPED, detail="", task=None, next_job_id="")


session = Session()
