# SPDX-License-Identifier: GPL-3.0-or-later
"""Pool: the children there are, from their start to their burial. What each of them renders is the dispatcher's."""

import contextlib
import itertools
import logging
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ...core.errors import WorkerError
from ...core.in_flight import InFlight
from ...system.folders import leads_away
from ...system.lock import Lock, is_locked
from ..state.task_logs import TaskLogs
from .child import Child
from .process import ChildProcess
from .sandbox import Sandbox

log = logging.getLogger(__name__)

_LOCK = "lock"


class Pool:
    """`command` starts a child, in the `sandbox` if there is one; `scratch` is the folder for frames in the making, on
    the disk of the finished ones; `devices`: what children may render on, side by side each on its share; `later(work)`
    runs work beside the worker's thread, after all frames handed over so far are stored; `clock` measures children.
    `children`: those that live, the one that was used last at the end."""

    def __init__(
        self,
        *,
        command: Sequence[str],
        sandbox: Sandbox | None,
        scratch: Path,
        logs: TaskLogs,
        keep_children: bool,
        devices: str,
        renderers: int,
        inbox: SimpleQueue[Any],
        later: Callable[[Callable[[], None]], None],
        clock: Callable[[], float],
    ) -> None:
        self.children: list[Child] = []
        self._command = command
        self._sandbox = sandbox
        self._scratch = scratch / secrets.token_hex(4)
        self._logs = logs
        self._keep_children = keep_children
        self._devices = devices
        self._renderers = renderers
        self._inbox = inbox
        self._later = later
        self._clock = clock
        self._numbers = itertools.count(1)
        self._leaving: dict[int, Child] = {}
        self._lock: Lock | None = None
        self._later(self._remove_leftovers)
        self.prune_logs()

    def get(self, number: int) -> Child | None:
        return next((child for child in self.children if child.number == number), None)

    def start_ahead(self) -> None:
        """Starts a child that no task has asked for yet. In a sandbox it can't be: that is made for one blend."""
        if self._sandbox is not None:
            return
        try:
            self._start(self._logs.path("started-ahead"), blend=None)
        except WorkerError as error:
            log.warning("no Blender could be started ahead of the first task: %s", error)

    def start_for(self, held: InFlight, blend: Path) -> Child:
        """A child for the task's job: one that was started ahead, or another. Raises WorkerError if there can't be."""
        child = next((child for child in self.children if child.job_id is None), None)
        if child is None:
            child = self._start(self.log_file(held), blend=blend)
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
        self._later(lambda: shutil.rmtree(gone.folder, ignore_errors=True))

    def close(self, *, timeout: float) -> None:
        """Kills what still lives and waits until it is reaped."""
        for child in list(self.children):
            self._leave(child)
        for child in self._leaving.values():
            child.kill()
        for child in self._leaving.values():
            child.process.join(timeout)
            shutil.rmtree(child.folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
        shutil.rmtree(self._scratch, ignore_errors=True)
        with contextlib.suppress(OSError):  # another worker's scratch is beside this one
            self._scratch.parent.rmdir()
            self._scratch.parent.parent.rmdir()

    def log_file(self, held: InFlight) -> Path:
        return self._logs.path(held.task.id)

    def prune_logs(self) -> None:
        self._later(self._logs.prune)

    def _start(self, log_file: Path, *, blend: Path | None) -> Child:
        number = next(self._numbers)
        folder = self._own_folder(number)
        sandbox, share = self._sandbox, self._free_share()
        command = [*self._command, "--devices", self._devices, "--share", str(share)]
        process = ChildProcess(
            child=number,
            command=command if sandbox is None else sandbox.command(command, folder=folder, blend=blend),
            sandboxed=sandbox is not None,
            log_file=log_file,
            temp=folder / "temp",
            inbox=self._inbox,
        )
        log.debug("child %d is process %d", number, process.pid)
        self.children.append(Child(process, folder, keep=self._keep_children, share=share, clock=self._clock))
        return self.children[-1]

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

    def _own_folder(self, number: int) -> Path:
        """Makes a folder that is the child's alone. Raises WorkerError if it can't be made."""
        folder = self._scratch / str(number)
        if link := self._link():
            raise WorkerError(f"{link} leads to another folder, where no frame is rendered; remove it")
        try:
            self._make_scratch()
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise WorkerError(f"the folder {folder} can't be made: {error.strerror}") from error
        return folder

    def _make_scratch(self) -> None:
        try:
            self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        except FileNotFoundError:  # another worker that renders into the same folder has just cleared up behind it
            self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._lock is None:
            self._lock = Lock(self._scratch / _LOCK)

    def _link(self) -> Path | None:
        """What in the place of the scratch folders leads elsewhere: whoever may write in `outpath` can put it there."""
        return next(filter(leads_away, (self._scratch.parent.parent, self._scratch.parent)), None)

    def _remove_leftovers(self) -> None:
        """What a killed worker of this id has left behind; what is of one that lives, which should not be, stays."""
        if self._link():
            return
        for folder in self._scratch.parent.glob("*"):
            if folder != self._scratch and not is_locked(folder / _LOCK):
                shutil.rmtree(folder, ignore_errors=True)
