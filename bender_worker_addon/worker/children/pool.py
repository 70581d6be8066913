# SPDX-License-Identifier: GPL-3.0-or-later
"""Pool: the children there are, from their start to their burial. What each of them renders is the dispatcher's."""

import itertools
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ...core.errors import WorkerError
from ...core.in_flight import InFlight
from ...core.tile import FOLDER
from ...system.sandbox import Sandbox
from ..state.task_logs import TaskLogs
from .child import Child
from .process import ChildProcess
from .scratch import Scratch


class Pool:
    """`command` starts a child, in the `sandbox` if there is one; frames in the making go to `scratch`; `devices`: what
    children may render on, side by side each on its share; `previews`: of what they make any, "" of nothing;
    `later(work)` runs work beside the worker's thread, after all frames handed over so far are stored; `clock` measures
    children. `children`: those that live, the one that was used last at the end."""

    def __init__(
        self,
        *,
        command: Sequence[str],
        sandbox: Sandbox | None,
        scratch: Scratch,
        logs: TaskLogs,
        keep_children: bool,
        devices: str,
        previews: str,
        renderers: int,
        inbox: SimpleQueue[Any],
        later: Callable[[Callable[[], None]], None],
        clock: Callable[[], float],
    ) -> None:
        self.children: list[Child] = []
        self._command = command
        self._sandbox = sandbox
        self._scratch = scratch
        self._logs = logs
        self._keep_children = keep_children
        self._devices = devices
        self._previews = previews
        self._renderers = renderers
        self._inbox = inbox
        self._later = later
        self._clock = clock
        self._numbers = itertools.count(1)
        self._leaving: dict[int, Child] = {}
        self._later(scratch.remove_leftovers)
        logs.prune()

    def get(self, number: int) -> Child | None:
        return next((child for child in self.children if child.number == number), None)

    @property
    def can_start_ahead(self) -> bool:
        """In a sandbox a child can't be: that is made for one blend."""
        return self._sandbox is None

    def start_ahead(self) -> None:
        """Starts a child that no task has asked for yet, if that can be."""
        if self.can_start_ahead:
            self._start(self._logs.path("started-ahead"), blend=None)

    def look_for_devices(self) -> None:
        """Starts a child where none can be started ahead, which only says what there is to render on."""
        if not self.can_start_ahead:
            child = self._start(self._logs.path("started-ahead"), blend=None)
            child.quit_when_ready()
            self._leave(child)

    def start_for(self, held: InFlight, blend: Path) -> Child:
        """A child for the task's job: one that was started ahead, or another."""
        child = next((child for child in self.children if child.job_id is None), None)
        if child is None:
            in_tiles = held.task.region is not None or bool(held.task.tiles)
            child = self._start(self.log_file(held), blend=blend, in_tiles=in_tiles)
        child.assign(held.task.job_id, self.log_file(held))
        return child

    def use(self, child: Child) -> None:
        self.children.remove(child)
        self.children.append(child)

    def dismiss(self, child: Child) -> None:
        """Lets a child go that has nothing to do."""
        child.quit()
        self._leave(child)

    def kill(self, child: Child) -> None:
        child.kill()
        self._leave(child)

    def bury(self, number: int) -> None:
        """Clears up after a child that has died."""
        gone = self._leaving.pop(number)
        self._later(partial(self._scratch.remove, gone.folder))

    def close(self, *, timeout: float) -> None:
        """Kills what still lives and waits until it is reaped, for at most `timeout` seconds."""
        for child in list(self.children):
            self._leave(child)
        for child in self._leaving.values():
            child.kill()
        deadline = time.monotonic() + timeout
        for child in self._leaving.values():
            child.join(max(0.0, deadline - time.monotonic()))
        self._later(self._scratch.close)

    def log_file(self, held: InFlight) -> Path:
        return self._logs.path(held.task.id)

    def prune_logs(self) -> None:
        self._logs.prune()

    def _start(self, log_file: Path, *, blend: Path | None, in_tiles: bool = False) -> Child:
        number, share = next(self._numbers), self._free_share()
        folder = self._scratch.of_child(number)
        process = ChildProcess(
            child=number,
            prepare=partial(self._prepare, folder, share, blend, in_tiles=in_tiles),
            sandboxed=self._sandbox is not None,
            log_file=log_file,
            temp=folder / "temp",
            inbox=self._inbox,
        )
        self.children.append(Child(process, folder, keep=self._keep_children, share=share, clock=self._clock))
        return self.children[-1]

    def _prepare(self, folder: Path, share: int, blend: Path | None, *, in_tiles: bool) -> Sequence[str]:
        """Runs on the child's thread. In a sandbox it sees later what comes into a folder that is there now."""
        self._scratch.make(folder)
        if in_tiles and blend is not None and self._sandbox is not None:
            _make_folder_of_tiles(blend.parent / FOLDER)
        command = [
            *self._command,
            "--devices",
            self._devices,
            "--share",
            str(share),
            "--renderers",
            str(self._renderers),
            *(["--ahead"] if blend is None else []),
            *(["--previews", self._previews] if self._previews else []),
        ]
        return command if self._sandbox is None else self._sandbox.command(command, folder=folder, blend=blend)

    def _free_share(self) -> int:
        """Which of the machine's devices the next child is to render on: the first that the fewest work on; -1 for a
        child that is alone."""
        if self._renderers == 1:
            return -1
        taken = [child.share for child in self.children]
        at_work = [child.share for child in self.children if not child.is_idle]
        return min(range(self._renderers), key=lambda share: (at_work.count(share), taken.count(share)))

    def _leave(self, child: Child) -> None:
        self.children.remove(child)
        self._leaving[child.number] = child


def _make_folder_of_tiles(folder: Path) -> None:
    """Raises WorkerError."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise WorkerError(f"the folder {folder} can't be made: {error.strerror or error}") from error
